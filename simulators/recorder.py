"""Writes down how a home lives, on a grid of five minutes, so that the day can be told and billed afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.domain.device import Name
from agent.domain.interval import Interval, Series
from simulators.house import Discomfort, PhysicalHouse, Switching, switch_by_thermostats
from simulators.report.record import LoadRecord, Outside, RunRecord

GRID = timedelta(minutes=5)
THERMOSTAT_LOOKS = timedelta(minutes=1)


@dataclass(frozen=True)
class _Sample:
    at: datetime
    energy_wh: dict[Name, float]
    base_energy_wh: float
    room_c: float | None
    tank_c: float | None
    water_c: float | None
    room_outside: Outside
    water_outside: Outside


class Recorder:
    """Lets a home live, and keeps what happened within one span."""

    def __init__(self, home: PhysicalHouse, span: Interval) -> None:
        self._home = home
        self._span = span
        self._samples = [_sample(home)]
        self._end_heat_wh: tuple[float, float] | None = None

    @property
    def complete(self) -> bool:
        """Whether the home has lived to the end of the span."""
        return self._samples[-1].at >= self._span.end

    def advance_to(self, moment: datetime) -> None:
        """Let the home live on to a moment, noting every step of the grid."""
        while self._home.moment < moment:
            past = (self._home.moment - self._span.start) // GRID
            self._home.advance_to(min(moment, self._span.start + (past + 1) * GRID))
            on_grid = (self._home.moment - self._span.start) % GRID == timedelta()
            if not self.complete and (on_grid or self._home.moment >= self._span.end):
                self._samples.append(_sample(self._home))
                self._end_heat_wh = _heat_wh(self._home)

    def run(self) -> RunRecord:
        """What happened so far within the span."""
        house = self._home.house
        last = self._samples[-1]
        room_heat_wh, tank_heat_wh = self._end_heat_wh or _heat_wh(self._home)
        lived = Interval(start=self._samples[0].at, end=last.at)
        return RunRecord(
            loads=tuple(
                LoadRecord(
                    load=load,
                    energy_wh=self._rises([sample.energy_wh[load] for sample in self._samples]),
                    on=on_blocks(self._home.switchings, load, lived),
                )
                for load in house.loads
            ),
            base_energy_wh=self._rises([sample.base_energy_wh for sample in self._samples]),
            room_temperature_c=self._levels([sample.room_c for sample in self._samples]),
            tank_temperature_c=self._levels([sample.tank_c for sample in self._samples]),
            water_temperature_c=self._levels([sample.water_c for sample in self._samples]),
            room_outside=last.room_outside if house.room else None,
            water_outside=last.water_outside if house.tank else None,
            room_heat_wh=room_heat_wh,
            tank_heat_wh=tank_heat_wh,
        )

    def _rises(self, levels: Sequence[float]) -> Series:
        steps = zip(self._samples, self._samples[1:], levels, levels[1:], strict=False)
        return Series.of((Interval(start=a.at, end=b.at), high - low) for a, b, low, high in steps)

    def _levels(self, levels: Sequence[float | None]) -> Series | None:
        steps = zip(self._samples, self._samples[1:], levels[1:], strict=False)
        points = [(Interval(start=a.at, end=b.at), level) for a, b, level in steps if level is not None]
        return Series.of(points) if points else None


def thermostat_run(home: PhysicalHouse, span: Interval) -> RunRecord:
    """Let a home that stands at the start of the span live it under plain thermostats."""
    recorder = Recorder(home, span)
    while home.moment < span.end:
        switch_by_thermostats(home)
        recorder.advance_to(min(home.moment + THERMOSTAT_LOOKS, span.end))
    return recorder.run()


def on_blocks(switchings: Sequence[Switching], load: Name, span: Interval) -> tuple[Interval, ...]:
    """When a relay was closed within a span, from a log that begins with it open."""
    blocks: list[Interval] = []
    since: datetime | None = None
    mine = [switching for switching in switchings if switching.load == load]
    for switching in [*mine, Switching(span.end, load, on=False)]:
        at = min(max(switching.at, span.start), span.end)
        if switching.on:
            since = at if since is None else since
        elif since is not None:
            if at > since:
                blocks.append(Interval(start=since, end=at))
            since = None
    return tuple(blocks)


def _sample(home: PhysicalHouse) -> _Sample:
    return _Sample(
        at=home.moment.astimezone(UTC),
        energy_wh={load: home.energy_wh(load) for load in home.house.loads},
        base_energy_wh=home.base_energy_wh,
        room_c=home.room_temperature_c,
        tank_c=home.tank_temperature_c,
        water_c=home.outlet_temperature_c,
        room_outside=_outside(home.room_discomfort),
        water_outside=_outside(home.water_discomfort),
    )


def _outside(discomfort: Discomfort) -> Outside:
    return Outside(minutes=discomfort.minutes, worst_c=discomfort.worst_c)


def _heat_wh(home: PhysicalHouse) -> tuple[float, float]:
    return (home.room.stored_wh if home.room else 0.0, home.tank.stored_wh if home.tank else 0.0)
