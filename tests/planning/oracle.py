"""The house once more, written straight from the equations and knowing nothing of agent.planning.

An `Oracle` of a problem lives through what is switched (`account`), names every hard limit that it breaks
(`violations`), and for a handful of steps tries all that could be switched (`cheapest`). `checked` holds a plan to all
of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import combinations, groupby, pairwise, product
from math import ceil, inf

from agent.domain.appliance import Run
from agent.domain.device import Name
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, AirConditioner, AirConditionerMode, LoadState
from agent.domain.interval import Series
from agent.domain.plan import Plan
from agent.domain.problem import EndRule, Problem, Wanted

Course = tuple[bool, ...]
Schedule = Mapping[Name, Course]
PART_OF = {AIR_CONDITIONER: "room", WATER_HEATER: "tank"}
WATER_WH_PER_KG_C = 1.163
CENT = 1e-6
DEGREE_HOURS = 0.01
"""So little outside the band need not be told."""
SLACK_W = 1e-4
SLACK_WH = 1e-4


@dataclass(frozen=True)
class Actions:
    """All that is switched: relays, the runs of the problem in their order, the battery."""

    on: Schedule
    runs: tuple[Course, ...] = ()
    battery_w: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Account:
    """What some actions lead to; temperatures and charge stand at the ends of the steps."""

    paths_c: dict[str, list[float]]
    battery_wh: list[float]
    net_w: list[float]
    grid_w: list[float]
    bill_try: float
    movable_try: float
    wear_try: float
    left_try: float
    degree_hours: dict[str, float]
    """Outside the comfort band, by part."""

    @property
    def objective_try(self) -> float:
        return self.movable_try + self.wear_try - self.left_try


@dataclass(frozen=True)
class Task:
    """A run on the step grid."""

    run: Run
    profile_w: list[float]
    allowed: range
    must_begin: bool
    """It has begun before the horizon, or cannot be over in time: it goes on without a pause from its first step."""

    @property
    def may_skip(self) -> bool:
        return self.run.worth_try is not None and self.run.begun_at is None

    def courses(self, count: int) -> Iterator[Course]:
        """All ways to run."""
        length = len(self.profile_w)
        if self.run.uninterruptible or self.must_begin:
            begins = [self.allowed.start] if self.must_begin else range(self.allowed.start, self.allowed.stop)
            picks = [tuple(range(begin, begin + length)) for begin in begins if begin + length <= self.allowed.stop]
        else:
            picks = list(combinations(self.allowed, length))
        yield from (tuple(step in pick for step in range(count)) for pick in picks)
        if self.may_skip:
            yield (False,) * count

    def faults(self, course: Course) -> Iterator[str]:
        on = [step for step, runs in enumerate(course) if runs]
        if not on:
            if not self.may_skip:
                yield f"{self.run.appliance} does not run"
            return
        if len(on) != len(self.profile_w):
            yield f"{self.run.appliance} runs {len(on)} steps instead of {len(self.profile_w)}"
        if (self.run.uninterruptible or self.must_begin) and on[-1] - on[0] >= len(on):
            yield f"{self.run.appliance} is interrupted"
        if on[0] not in self.allowed or on[-1] not in self.allowed or (self.must_begin and on[0] != self.allowed.start):
            yield f"{self.run.appliance} runs outside its window"


@dataclass(frozen=True)
class Cheapest:
    """The best of all that could be switched."""

    courses: tuple[tuple[float, ...], ...]
    """Of the loads, the runs and the battery, in this order."""
    objective_try: float
    degree_hours: float
    hygienic: bool


@dataclass(frozen=True)
class _Choice:
    """What one thing that can be switched may do by itself, and what that costs besides its energy."""

    course: tuple[float, ...]
    power_w: list[float]
    cost_try: float
    missed: float = 0.0
    dirty: bool = False


class Oracle:
    """One problem, lived through."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.house = problem.house
        self.steps = problem.horizon.steps(problem.step_s)
        self.hours = [step.duration_s / 3600 for step in self.steps]
        self.outdoor_c = self._means(problem.outdoor_temperature_c, 0.0)
        self.sun_w_m2 = self._means(problem.irradiance_w_m2, 0.0)
        self.generation_w = self._means(problem.generation_w, 0.0)
        self.rest_w = [b - g for b, g in zip(self._means(problem.base_load_w, 0.0), self.generation_w, strict=True)]
        self.tasks = [task for run in problem.runs if (task := self._task(run)) is not None]
        self._connect()

    def _means(self, series: Series | None, otherwise: float) -> list[float]:
        return [otherwise if series is None else series.mean(step) for step in self.steps]

    def _connect(self) -> None:
        feeder_w = self._means(self.problem.feeder_limit_w, inf)
        most_w = inf if self.house.power_limit_w is None else self.house.power_limit_w
        export_w = inf if self.house.export_limit_w is None else self.house.export_limit_w
        self.buy = self._means(self.problem.price_try_per_kwh, 0.0)
        self.sell = self._means(self.problem.export_try_per_kwh, 0.0)
        self.export_limit_w = [min(export_w, feeder) for feeder in feeder_w]
        solar = self.house.photovoltaics
        if solar is not None and solar.curtailable:
            self.export_limit_w = [
                0.0 if sell < 0 else limit for sell, limit in zip(self.sell, self.export_limit_w, strict=True)
            ]
        held_w = [0.0] * len(self.steps)
        for step, at in enumerate(self.steps):
            held_w[step] += sum(
                self.house.load(name).power_w for name in self.house.loads if is_held_on(self.problem, name, at.start)
            )
            for task in self.tasks:
                if task.run.begun_at is not None and task.run.uninterruptible and step < len(task.profile_w):
                    held_w[step] += task.profile_w[step]
        self.import_limit_w = [
            max(min(most_w, feeder), rest + held)
            for feeder, rest, held in zip(feeder_w, self.rest_w, held_w, strict=True)
        ]

    def _task(self, run: Run) -> Task | None:
        horizon, step_s, count = self.problem.horizon, self.problem.step_s, len(self.steps)
        if run.begun_at is None and run.window.end > horizon.end:
            return None  # it may wait for a later plan
        ends_s = [0.0]
        for phase in run.phases:
            ends_s.append(ends_s[-1] + phase.duration_s)

        def drawn_ws(until_s: float) -> float:
            return sum(
                phase.power_w * min(max(until_s - begin_s, 0.0), phase.duration_s)
                for phase, begin_s in zip(run.phases, ends_s, strict=False)
            )

        length = ceil(ends_s[-1] / step_s)
        profile_w = [(drawn_ws((k + 1) * step_s) - drawn_ws(k * step_s)) / step_s for k in range(length)]
        allowed = [k for k, step in enumerate(self.steps) if step.start >= run.window.start]
        in_time = [k for k in allowed if self.steps[k].end <= run.window.end]
        late = len(in_time) < length
        profile_w = profile_w[: len(allowed)]
        goes_on = run.begun_at is not None and run.uninterruptible
        if late or goes_on:
            return Task(run, profile_w, range(allowed[0], min(count, allowed[0] + length)), must_begin=True)
        return Task(run, profile_w, range(in_time[0], in_time[-1] + 1), must_begin=False)

    # ---- What is wanted ----

    def band(self, part: str) -> list[tuple[float, float]]:
        """Comfort by step."""
        wanted: Wanted | None = getattr(self.problem, f"{part}_wanted")
        if wanted is not None:
            return [(wanted.low_c.at(step.start), wanted.high_c.at(step.start)) for step in self.steps]
        comfort = getattr(self.house, part).comfort
        return [(comfort.low_c, comfort.high_c)] * len(self.steps)

    def missed(self, part: str, path_c: Sequence[float], slack_c: float = 0.0) -> float:
        """Degree-hours outside comfort."""
        return sum(
            h * max(0.0, low - slack_c - at_c, at_c - high - slack_c)
            for h, at_c, (low, high) in zip(self.hours, path_c, self.band(part), strict=True)
        )

    def toward(self, name: Name) -> float:
        return -1.0 if getattr(self.house.load(name), "mode", None) is AirConditionerMode.COOL else 1.0

    def cop(self, outdoor_c: float) -> float:
        """Straight between the points of the table, as at the nearest beyond them."""
        unit = self.house.air_conditioner
        assert unit is not None
        for left, right in pairwise(unit.cop_at):
            if left.outdoor_c <= outdoor_c <= right.outdoor_c:
                part = (outdoor_c - left.outdoor_c) / (right.outdoor_c - left.outdoor_c)
                return (1 - part) * left.cop + part * right.cop
        if unit.cop_at:
            return min(unit.cop_at, key=lambda point: abs(point.outdoor_c - outdoor_c)).cop
        return unit.cop

    # ---- Temperatures and charge ----

    def path_c(self, name: Name, on: Sequence[bool]) -> list[float]:
        return self.tank_c(on) if name == WATER_HEATER else self.room_c(on)

    def room_c(self, on: Sequence[bool]) -> list[float]:
        room, unit, now_c = self.house.room, self.house.air_conditioner, self.problem.state.room_temperature_c
        assert room is not None
        assert now_c is not None
        path = []
        for k, runs in enumerate(on):
            per_c = self.hours[k] / room.heat_capacity_wh_per_c
            lost_c = min(1.0, room.heat_loss_w_per_c * per_c) * (now_c - self.outdoor_c[k])
            heat_w = room.internal_gain_w + room.solar_aperture_m2 * self.sun_w_m2[k]
            if runs and unit is not None:
                heat_w += self.toward(AIR_CONDITIONER) * unit.power_w * self.cop(self.outdoor_c[k])
            now_c += heat_w * per_c - lost_c
            path.append(now_c)
        return path

    def tank_c(self, on: Sequence[bool]) -> list[float]:
        tank, rod, now_c = self.house.tank, self.house.water_heater, self.problem.state.tank_temperature_c
        assert tank is not None
        assert now_c is not None
        path = []
        for k, (runs, (low_c, high_c)) in enumerate(zip(on, self.band("tank"), strict=True)):
            per_c = self.hours[k] / (WATER_WH_PER_KG_C * tank.water_kg)
            around_c = self.outdoor_c[k] if tank.ambient_c is None else tank.ambient_c
            lost = min(1.0, tank.heat_loss_w_per_c * per_c)
            drawn = min(1.0 - lost, self.drawn_kg[k] / tank.water_kg)
            dark_c = now_c + lost * (around_c - now_c) + drawn * (tank.cold_water_c - now_c)
            if runs and rod is not None:
                dark_c += rod.power_w * per_c
            now_c = self._shone_on(k, now_c, dark_c, (low_c + high_c) / 2, per_c, 1.0 - lost - drawn)
            path.append(now_c)
        return path

    @cached_property
    def drawn_kg(self) -> list[float]:
        """By step."""
        draws = self.problem.hot_water_kg_per_s
        rows = [row for row in zip(draws.starts_s, draws.ends_s, draws.values, strict=True) if row[2] > 0]
        spans = [(step.start.timestamp(), step.end.timestamp()) for step in self.steps]
        return [
            sum(rate * max(0.0, min(end_s, until_s) - max(begin_s, from_s)) for begin_s, end_s, rate in rows)
            for from_s, until_s in spans
        ]

    def _shone_on(self, k: int, now_c: float, dark_c: float, usual_c: float, per_c: float, kept: float) -> float:
        collector = self.house.collector
        if collector is None:
            return dark_c
        loss = collector.heat_loss_w_per_m2_c
        loss += collector.heat_loss_w_per_m2_c2 * max(0.0, usual_c - self.outdoor_c[k])
        aperture_m2 = collector.area_m2 * collector.heat_removal_factor
        gain_w = aperture_m2 * (self.sun_w_m2[k] - loss * (now_c - self.outdoor_c[k]))
        fade = aperture_m2 * loss * per_c
        if fade > kept:  # a step longer than the collector's time constant goes to the balance, not past it
            gain_w *= kept / fade
        warm_c = dark_c + max(0.0, gain_w) * per_c
        stop_c = inf if collector.stops_at_c is None else collector.stops_at_c
        return warm_c if warm_c <= stop_c else max(dark_c, stop_c)

    @cached_property
    def battery_start_wh(self) -> float:
        battery, start_wh = self.house.battery, self.problem.state.battery_wh
        return 0.0 if battery is None or start_wh is None else min(start_wh, battery.capacity_wh)

    def charge_wh(self, battery_w: Sequence[float]) -> list[float]:
        battery = self.house.battery
        assert battery is not None
        holding_wh, path = self.battery_start_wh, []
        for power_w, h in zip(battery_w, self.hours, strict=True):
            moved_wh = power_w * h
            holding_wh += (
                moved_wh * battery.charge_efficiency if power_w > 0 else moved_wh / battery.discharge_efficiency
            )
            path.append(holding_wh)
        return path

    # ---- Money ----

    def run_w(self, task: Task, course: Course) -> list[float]:
        """What it draws by step."""
        power_w, left = [0.0] * len(course), iter(task.profile_w)
        for step, runs in enumerate(course):
            power_w[step] = next(left, 0.0) if runs else 0.0
        return power_w

    def net_w(self, actions: Actions) -> list[float]:
        rows = [self.rest_w]
        rows += [[self.house.load(name).power_w * runs for runs in on] for name, on in actions.on.items()]
        rows += [self.run_w(task, course) for task, course in zip(self.tasks, actions.runs, strict=True)]
        rows += [list(actions.battery_w)] if actions.battery_w is not None else []
        return [sum(column) for column in zip(*rows, strict=True)]

    def grid_w(self, net_w: Sequence[float]) -> list[float]:
        return [max(net, -limit) for net, limit in zip(net_w, self.export_limit_w, strict=True)]

    def bill_try(self, net_w: Sequence[float]) -> float:
        energy_kwh = [grid * h / 1000 for grid, h in zip(self.grid_w(net_w), self.hours, strict=True)]
        paid_try = sum(kwh * buy for kwh, buy in zip(energy_kwh, self.buy, strict=True) if kwh > 0)
        earned_try = sum(-kwh * sell for kwh, sell in zip(energy_kwh, self.sell, strict=True) if kwh < 0)
        return paid_try - earned_try + self._demand_try(net_w)

    def _demand_try(self, net_w: Sequence[float]) -> float:
        demand = self.problem.demand
        if demand is None:
            return 0.0
        highest_w = 0.0
        rows = zip(self.steps, self.hours, net_w, strict=True)
        for _, window in groupby(rows, key=lambda row: row[0].start.timestamp() // demand.window_s):
            inside = list(window)
            bought_wh = sum(max(0.0, net) * h for _, h, net in inside)
            highest_w = max(highest_w, bought_wh / sum(h for _, h, _ in inside))
        return demand.try_per_kw / 1000 * max(0.0, highest_w - self.problem.state.month_peak_w)

    @cached_property
    def end_try_per_kwh(self) -> float:
        """The lower quartile of the prices of the last day, or nothing if that is negative."""
        last_day = self.problem.horizon.end - timedelta(days=1)
        prices = sorted(price for price, step in zip(self.buy, self.steps, strict=True) if step.end > last_day)
        return max(0.0, prices[len(prices) // 4])

    def left_try(self, name: Name, path_c: Sequence[float]) -> float:
        """What a store holds more than at the start, up to its thermostat, bought at the price of the end."""
        if self.problem.end is EndRule.RESTORED:
            return 0.0
        unit, toward = self.house.load(name), self.toward(name)
        start_c: float = getattr(self.problem.state, f"{PART_OF[name]}_temperature_c")
        if isinstance(unit, AirConditioner):
            assert self.house.room is not None
            mean_c = self.problem.outdoor_temperature_c.mean(self.problem.horizon)
            wh_per_c = self.house.room.heat_capacity_wh_per_c / self.cop(mean_c)
        else:
            assert self.house.tank is not None
            wh_per_c = self.house.tank.water_kg * WATER_WH_PER_KG_C
        gained_c = min(0.0, toward * (path_c[-1] - unit.thermostat_c)) - min(
            0.0, toward * (start_c - unit.thermostat_c)
        )
        return self.end_try_per_kwh / 1000 * wh_per_c * gained_c

    def _battery_left_try(self, battery_wh: Sequence[float]) -> float:
        battery = self.house.battery
        if battery is None or not battery_wh or self.problem.end is EndRule.RESTORED:
            return 0.0
        saved_try_per_kwh = max(0.0, self.end_try_per_kwh - battery.wear_try_per_kwh) * battery.discharge_efficiency
        return saved_try_per_kwh / 1000 * (battery_wh[-1] - self.battery_start_wh)

    def wear_try(self, actions: Actions) -> float:
        worn_try = sum(
            self.house.load(name).start_price_try * len(self.starts(name, on)) for name, on in actions.on.items()
        )
        for task, course in zip(self.tasks, actions.runs, strict=True):
            if not any(course):
                worn_try += task.run.worth_try or 0.0
        return worn_try + self._worn_try(actions.battery_w or ())

    def _worn_try(self, battery_w: Sequence[float]) -> float:
        """What the battery's use costs in lifetime: only what it gives counts."""
        battery = self.house.battery
        if battery is None:
            return 0.0
        given_wh = sum(-power * h for power, h in zip(battery_w, self.hours, strict=False) if power < 0)
        return battery.wear_try_per_kwh * given_wh / 1000

    def account(self, actions: Actions) -> Account:
        """Live through some actions."""
        net_w = self.net_w(actions)
        idle = (False,) * len(self.steps)
        paths_c = {}
        if self.house.room is not None:
            paths_c["room"] = self.room_c(actions.on.get(AIR_CONDITIONER, idle))
        if self.house.tank is not None:
            paths_c["tank"] = self.tank_c(actions.on.get(WATER_HEATER, idle))
        battery_wh = [] if actions.battery_w is None else self.charge_wh(actions.battery_w)
        bill_try = self.bill_try(net_w)
        left_try = sum(self.left_try(name, paths_c[PART_OF[name]]) for name in actions.on)
        return Account(
            paths_c=paths_c,
            battery_wh=battery_wh,
            net_w=net_w,
            grid_w=self.grid_w(net_w),
            bill_try=bill_try,
            movable_try=bill_try - self.bill_try(self.rest_w),
            wear_try=self.wear_try(actions),
            left_try=left_try + self._battery_left_try(battery_wh),
            degree_hours={part: self.missed(part, path_c) for part, path_c in paths_c.items()},
        )

    # ---- Hard limits ----

    def violations(self, actions: Actions, slack_c: float = 1e-3) -> list[str]:
        """Every hard limit that is broken, by name. Comfort is none: it may have to give way."""
        return [
            *(fault for name, on in actions.on.items() for fault in self.load_faults(name, on, slack_c)),
            *(fault for task, course in zip(self.tasks, actions.runs, strict=True) for fault in task.faults(course)),
            *self.battery_faults(actions.battery_w),
            *self.connection_faults(self.net_w(actions)),
        ]

    def load_faults(self, name: Name, on: Course, slack_c: float) -> Iterator[str]:
        if not keeps_times(self.problem, name, on):
            yield f"{name} breaks its minimum times"
        yield from self._start_faults(name, on)
        idle = [is_held_on(self.problem, name, step.start) for step in self.steps]
        toward = self.toward(name)
        rows = zip(self.path_c(name, on), self.path_c(name, idle), self.band(PART_OF[name]), strict=True)
        for k, (at_c, idle_c, (low_c, high_c)) in enumerate(rows):
            far_c = low_c if toward < 0 else high_c
            if toward * at_c > max(toward * far_c, toward * idle_c) + slack_c:
                yield f"{name} drives the {PART_OF[name]} to {at_c:.4f} °C in step {k}, beyond {far_c} °C"

    def starts(self, name: Name, on: Course) -> list[int]:
        was_on = self.problem.state.loads.get(name, LoadState(on=False)).on
        return [k for k, runs in enumerate(on) if runs and not (on[k - 1] if k else was_on)]

    def _start_faults(self, name: Name, on: Course) -> Iterator[str]:
        most = self.house.load(name).max_starts_per_day
        if most is None:
            return
        zone, state = self.problem.zone, self.problem.state.loads.get(name, LoadState(on=False))
        today = self.problem.horizon.start.astimezone(zone).date()
        days = [self.steps[k].start.astimezone(zone).date() for k in self.starts(name, on)]
        for day in sorted(set(days)):
            begun = days.count(day)
            used = state.starts_today if day == today else 0
            if begun + used > most:
                yield f"{name} starts {begun} times on {day}, after {used}, and may {most} times"

    def battery_faults(self, battery_w: Sequence[float] | None) -> Iterator[str]:
        battery = self.house.battery
        if battery is None:
            return
        if battery_w is None:
            yield "nothing is said of the battery"
            return
        holding_wh = self.charge_wh(battery_w)
        if max(battery_w) > battery.charge_w + SLACK_W or min(battery_w) < -battery.discharge_w - SLACK_W:
            yield "the battery's power is exceeded"
        if max(holding_wh) > battery.capacity_wh + SLACK_WH:
            yield "the battery is overfilled"
        if min(holding_wh) < min(battery.reserve_wh, self.battery_start_wh) - SLACK_WH:
            yield "the battery's reserve is used"
        if self.problem.end is EndRule.RESTORED and holding_wh[-1] < self.battery_start_wh - SLACK_WH:
            yield "the battery ends emptier than it began"

    def connection_faults(self, net_w: Sequence[float]) -> Iterator[str]:
        for k, net in enumerate(net_w):
            if net > self.import_limit_w[k] + SLACK_W:
                yield f"{net:.0f} W are drawn in step {k}, where {self.import_limit_w[k]:.0f} W are allowed"
            if -net - self.export_limit_w[k] > self.generation_w[k] + SLACK_W:
                yield f"more is throttled in step {k} than is generated"

    # ---- Legionella ----

    @property
    def _hold(self) -> int:
        tank = self.house.tank
        assert tank is not None
        assert tank.legionella is not None
        return ceil(tank.legionella.hold_s / self.problem.step_s)

    def hygienic_at(self, tank_c: Sequence[float], slack_c: float = 0.0) -> datetime | None:
        """When the tank has first been hot for long enough."""
        return next(self._hygienic_moments(tank_c, slack_c), None)

    def last_hygienic_at(self, tank_c: Sequence[float], slack_c: float = 1e-4) -> datetime | None:
        """When it has last been so."""
        return max(self._hygienic_moments(tank_c, slack_c), default=None)

    def _hygienic_moments(self, tank_c: Sequence[float], slack_c: float) -> Iterator[datetime]:
        assert self.house.tank is not None
        assert self.house.tank.legionella is not None
        hot_c = self.house.tank.legionella.temperature_c
        streak = 0
        for step, at_c in zip(self.steps, tank_c, strict=False):
            streak = streak + 1 if at_c >= hot_c - slack_c else 0
            if streak >= self._hold:
                yield step.end

    @cached_property
    def hygiene_due(self) -> datetime | None:
        """By when it must have been; None if not within the horizon, or never."""
        tank, seen = self.house.tank, self.problem.state.hygienic_at
        if tank is None or tank.legionella is None:
            return None
        start, end = self.problem.horizon.start, self.problem.horizon.end
        if seen is not None:
            due = seen + timedelta(days=tank.legionella.every_days)
            return due if due <= end else None
        announced = self.problem.announced
        promised = end if announced is None or announced.hygienic_at is None else announced.hygienic_at
        return min(start + timedelta(days=1), end, promised)

    def is_due_and_done(self, account: Account) -> bool:
        return self.hygiene_due is not None and self.is_hygienic(account.paths_c["tank"])

    def is_hygienic(self, tank_c: Sequence[float], slack_c: float = 0.0) -> bool:
        if self.hygiene_due is None:
            return True
        at = self.hygienic_at(tank_c, slack_c)
        return at is not None and at <= self.hygiene_due

    # ---- Everything that could be done ----

    def ends_well(self, name: Name, path_c: Sequence[float], slack_c: float) -> bool:
        """Where the end must be as the start: no less than there was, or than the thermostat would have."""
        if self.problem.end is not EndRule.RESTORED:
            return True
        toward = self.toward(name)
        start_c: float = getattr(self.problem.state, f"{PART_OF[name]}_temperature_c")
        return toward * path_c[-1] >= min(toward * start_c, toward * self.house.load(name).thermostat_c) - slack_c

    def admissible(self, name: Name, slack_c: float) -> list[Course]:
        """All courses of one load that break nothing by themselves."""
        every = product((False, True), repeat=len(self.steps))
        return [
            on
            for on in every
            if next(self.load_faults(name, on, slack_c), None) is None
            and self.ends_well(name, self.path_c(name, on), slack_c)
        ]

    def _choices(self, slack_c: float) -> Iterator[list["_Choice"]]:
        """For whatever can be switched, all that it can do by itself."""
        count = len(self.steps)
        for name in self.house.loads:
            yield [self._load_choice(name, on, slack_c) for on in self.admissible(name, slack_c)]
        for task in self.tasks:
            yield [
                _Choice(course, self.run_w(task, course), 0.0 if any(course) else task.run.worth_try or 0.0)
                for course in task.courses(count)
            ]
        battery = self.house.battery
        if battery is not None:
            every = product((0.0, battery.charge_w, -battery.discharge_w), repeat=count)
            yield [
                _Choice(course, list(course), self._worn_try(course) - self._battery_left_try(self.charge_wh(course)))
                for course in every
                if next(self.battery_faults(course), None) is None
            ]

    def _load_choice(self, name: Name, on: Course, slack_c: float) -> "_Choice":
        unit, path_c = self.house.load(name), self.path_c(name, on)
        return _Choice(
            course=on,
            power_w=[unit.power_w * runs for runs in on],
            cost_try=unit.start_price_try * len(self.starts(name, on)) - self.left_try(name, path_c),
            missed=self.missed(PART_OF[name], path_c, slack_c),
            dirty=name == WATER_HEATER and not self.is_hygienic(path_c, slack_c),
        )

    def cheapest(self, slack_c: float) -> Cheapest | None:
        """Safety, then comfort, then money: the best of all that is admissible; None if nothing is.

        Bands and hygiene are kept within `slack_c`. A battery is tried at full power and standing still only, so that
        the true optimum may be cheaper.
        """
        best: tuple[tuple[bool, float, float], tuple[_Choice, ...]] | None = None
        for pick in product(*self._choices(slack_c)):
            dirty, missed = any(choice.dirty for choice in pick), round(sum(choice.missed for choice in pick), 9)
            if best is not None and (dirty, missed) > best[0][:2]:
                continue
            net_w = [sum(column) for column in zip(self.rest_w, *(choice.power_w for choice in pick), strict=True)]
            if next(self.connection_faults(net_w), None) is not None:
                continue
            objective_try = self.bill_try(net_w) - self.bill_try(self.rest_w) + sum(choice.cost_try for choice in pick)
            if best is None or (dirty, missed, objective_try) < best[0]:
                best = (dirty, missed, objective_try), pick
        if best is None:
            return None
        (dirty, missed, objective_try), pick = best
        return Cheapest(tuple(choice.course for choice in pick), objective_try, missed, hygienic=not dirty)

    # ---- Plans ----

    def actions(self, plan: Plan) -> Actions:
        """What a plan switches, from its public value alone."""
        courses = {load.load: tuple(load.is_on(step.start) for step in self.steps) for load in plan.loads}
        idle = (False,) * len(self.steps)
        runs = list(self._shared_out({name: list(course) for name, course in courses.items()}))
        battery_w = None if plan.battery_w is None else tuple(plan.battery_w.mean(step) for step in self.steps)
        return Actions({name: courses.get(name, idle) for name in self.house.loads}, tuple(runs), battery_w)

    def _shared_out(self, left: dict[Name, list[bool]]) -> Iterator[Course]:
        """Of an appliance with several runs the first takes what is first within its window."""
        for task in self.tasks:
            on = left.get(task.run.appliance, [False] * len(self.steps))
            alone = sum(other.run.appliance == task.run.appliance for other in self.tasks) == 1
            mine = [k for k, runs in enumerate(on) if runs and (alone or k in task.allowed)]
            mine = mine if alone else mine[: len(task.profile_w)]
            for k in mine:
                on[k] = False
            yield tuple(k in mine for k in range(len(self.steps)))


def checked(problem: Problem, plan: Plan) -> Account:
    """What a plan leads to, once it is seen to break no hard limit and to say the truth about itself."""
    oracle = Oracle(problem)
    actions = oracle.actions(plan)
    assert oracle.violations(actions) == []
    account, proof = oracle.account(actions), plan.proof
    assert abs(proof.bill_try - account.bill_try) < CENT
    assert abs(proof.movable_try - account.movable_try) < CENT
    assert abs(proof.wear_try - account.wear_try) < CENT
    assert abs(proof.left_try - account.left_try) < CENT
    assert proof.movable_bound_try is None or proof.movable_bound_try <= account.objective_try + CENT
    told = {"room": plan.room_temperature_c, "tank": plan.tank_temperature_c}
    series = [(told[part], path_c) for part, path_c in account.paths_c.items()]
    series += [(plan.grid_w, account.grid_w)]
    series += [(plan.battery_wh, account.battery_wh)] if account.battery_wh else []
    for values, truth in series:
        assert values is not None
        assert all(abs(value - true) < 1e-3 for value, true in zip(values.values, truth, strict=True))
    for part, missed in account.degree_hours.items():
        assert abs(sum(miss.degree_hours for miss in plan.misses if miss.part == part) - missed) < DEGREE_HOURS
    if problem.house.tank is not None and problem.house.tank.legionella is not None:
        hot_at = {oracle.hygienic_at(account.paths_c["tank"], slack_c) for slack_c in (0.0, 1e-4)}
        assert plan.hygienic_at in hot_at or (plan.hygienic_at is None and not oracle.is_due_and_done(account))
    return account


def keeps_times(problem: Problem, name: Name, on: Sequence[bool]) -> bool:
    """Whether every run and rest lasts long enough, counting what was before; the last may go on afterwards."""
    unit, before = problem.house.load(name), problem.state.loads.get(name, LoadState(on=False))
    age_s = inf if before.since is None else (problem.horizon.start - before.since).total_seconds()
    blocks = [(before.on, age_s)]
    for runs in on:
        was, length_s = blocks[-1]
        if runs == was:
            blocks[-1] = (was, length_s + problem.step_s)
        else:
            blocks.append((runs, problem.step_s))
    return all(length_s >= (unit.min_on_s if runs else unit.min_off_s) for runs, length_s in blocks[:-1])


def is_held_on(problem: Problem, name: Name, at: datetime) -> bool:
    """Whether a load that was on at the start may not be switched off yet."""
    before = problem.state.loads.get(name)
    if before is None or not before.on or before.since is None:
        return False
    return (at - before.since).total_seconds() < problem.house.load(name).min_on_s


def room_c(problem: Problem, on: Sequence[bool]) -> list[float]:
    """Temperatures at the ends of the steps."""
    return Oracle(problem).room_c(on)


def tank_c(problem: Problem, on: Sequence[bool]) -> list[float]:
    """Temperatures at the ends of the steps."""
    return Oracle(problem).tank_c(on)


def step_starts(problem: Problem) -> list[datetime]:
    """When the steps begin."""
    return [step.start for step in problem.horizon.steps(problem.step_s)]
