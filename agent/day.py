"""The hub's day: what each job of the timetable does."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from agent.control.circuits import in_mid_run
from agent.control.conditions import Conditions
from agent.control.executor import Executor
from agent.control.history import History
from agent.control.interlock import Situation
from agent.control.power_cut import PowerCut
from agent.control.sampler import Sampler, Snapshot
from agent.control.schedule import left_to_owner, still_good, switching_instants, wants, wants_of_appliances
from agent.control.situation import deviation, fresh_temperature_c, house_state, situation, tank_at_most_c
from agent.control.turns import Turns
from agent.domain.device import Name, Reading, RelayState, Role
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, House, HouseState
from agent.domain.plan import Fallback, Plan
from agent.errors import JournalUnreadable
from agent.expecting import Expectations
from agent.fetching import Fetching
from agent.insisting import Insistence
from agent.jobs import Job, Timetable, daily, every
from agent.outlook import Outlook, without_margins
from agent.ports import Clock, Device, Ledger, Planner, Telemetry
from agent.settings import Settings
from agent.telling import changes_in_words, miss_in_words, plan_in_words

_log = logging.getLogger(__name__)

LOAD_ROLES: Mapping[Name, Role] = {
    AIR_CONDITIONER: Role.AIR_CONDITIONER,
    WATER_HEATER: Role.WATER_HEATER,
}
_THERMOMETER_ROLES = {AIR_CONDITIONER: Role.ROOM_THERMOMETER, WATER_HEATER: Role.TANK_THERMOMETER}
_WEATHER_FALLBACKS = {Fallback.WEATHER_CLIMATE, Fallback.WEATHER_LAST_GOOD}
_PLANNER_FALLBACKS = {Fallback.PLANNER_FAILED, Fallback.PLANNER_INFEASIBLE, Fallback.PLANNER_LATE}

_FIRST_ANSWER_S = 20.0
"""Wall seconds that a feed may delay the first plan."""
_AFTER_SWITCHING = timedelta(seconds=60)
"""Plans switch on the grid of the steps; looking a minute later sees what came of it, and orders again in need."""
_READINGS_KEPT = timedelta(days=90)
_PRESSED_AGAIN = timedelta(seconds=10)
"""A relay that chatters makes no more steps than that."""


class Day:
    """Fetches, plans, holds the relays and samples; each method can be called at any time and run again."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        telemetry: Telemetry,
        conditions: Conditions,
        fetching: Fetching,
        planner: Planner,
        devices: Sequence[Device],
        timetable: Timetable,
        beat: Callable[[str | None], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._telemetry = telemetry
        self._planner = planner
        self._devices = devices
        self._roles = {device.role: device for device in devices}
        self._timetable = timetable
        self._fetching = fetching
        self._beat = beat
        self._outlook, self._sampler = Outlook(settings, ledger), Sampler(devices, telemetry, clock)
        self._relays = _relays(settings, devices)
        self._switched_appliances = [one.name for one in settings.house.appliances if one.name in self._relays]
        self._history = self._history_of_home()
        self._conditions = conditions
        self._executor = self._executor_of_home()
        self._expected = Expectations(settings, self._relays)
        self._insistence = Insistence(self._executor, clock, timetable, self.step)
        self._power_cut = PowerCut(_safe_when_off(self._relays), conditions)
        self._pressed: set[Name] = set()
        """Loads whose button was pressed since the last look."""
        self._stepped_at: datetime | None = None
        self._listen_to_buttons()
        self._turns = Turns()
        self._planning = asyncio.Lock()
        self._plan_wanted = False

    def table(self) -> Sequence[Job]:
        """The periodic work of the hub."""
        step_s = self._settings.planning.step_s
        return (
            Job("step", self.step, every(step_s, after=_AFTER_SWITCHING)),
            Job("fetch prices", self.fetch_prices, every(900, after=timedelta(seconds=60))),
            Job("fetch weather", self.fetch_weather, every(900, after=timedelta(seconds=420))),
            Job("plan if due", self.plan_if_due, every(900, after=timedelta(seconds=120))),
            Job("prune", self.prune, daily(3, 40, self._settings.home.time_zone)),
        )

    async def start(self) -> None:
        """Take the house over: hold it to the plan that is in force; without one, see what is known and plan."""
        self._say_what_runs_on()
        plan = await self._plan_in_force()
        if plan is not None:
            _log.info("going on with plan %s of %s", plan.plan_id, plan.made_at.isoformat())
            self._follow(plan)
            await self.step()
            self._timetable.soon("fetch prices at start", self.fetch_prices)
            self._timetable.soon("fetch weather at start", self.fetch_weather)
            self._timetable.soon("plan if due at start", self.plan_if_due)
            return
        for fetch in (self._fetching.fetch_prices, self._fetching.fetch_weather):
            try:
                async with asyncio.timeout(_FIRST_ANSWER_S):
                    await fetch()
            except TimeoutError:
                _log.warning("no answer yet from a feed; planning without it")
        await self.make_plan()

    async def step(self) -> None:
        """Look, decide, order, journal; ask for a new plan if the house has drifted from this one."""
        async with self._turns.next() as allowed:
            if not allowed:
                return
            self._pressed.clear()
            snapshot = await self._snapshot()
            self._stepped_at = snapshot.at
            plan = await self._plan_in_force()
            measured = await self._measured_c(snapshot)
            state = await self._state(snapshot, plan, measured)
            by_hand = await self._executor.started_by_hand(state.loads)
            begun = in_mid_run(self._settings.house, state.loads, snapshot.at)
            followed = still_good(plan, snapshot.at, self._longest_trust())
            house = self._expected.house(plan, snapshot.at)
            wanted = [
                *wants(house, followed, snapshot.at, measured, self._expected.setpoints_c(house, snapshot.at)),
                *wants_of_appliances(followed, snapshot.at, self._switched_appliances, by_hand, begun),
            ]
            self._aim(house, snapshot.at)
            wanted = [*left_to_owner(wanted, await self._executor.overrides(snapshot.at))]
            await self._executor.hold(wanted, await self._situation(snapshot, state, followed), self._pressed)
            await self._power_cut.prepare(state.loads.keys())
            self._insistence.after_step()
        self._beat(plan.plan_id if plan is not None else None)
        if plan is not None and self._has_settled(plan, snapshot.at) and not self._planning.locked():
            drift = deviation(
                plan, state, self._expected.bands(house, snapshot.at), self._expected.deviation_limits_c(snapshot.at)
            )
            if drift is not None:
                _log.info("planning anew: %s", drift)
                self._timetable.soon("plan", self.make_plan)

    def _aim(self, house: House, at: datetime) -> None:
        """Have the air conditioner know what its next "on" is to mean, where it can be told."""
        device, aim = self._relays.get(AIR_CONDITIONER), self._expected.aim(house, at)
        if device is not None and device.unit is not None and aim is not None:
            device.unit.aim(aim)

    async def watch(self) -> None:
        """Ask the relays between steps, by wall time, until cancelled: what moved without a word is set right soon."""
        every_s = self._settings.control.watch_s
        while every_s:
            await asyncio.sleep(every_s)
            if not self._turns.taken and await self._executor.has_drifted():
                await self.step()

    async def make_plan(self) -> None:
        """Plan from the present state, keep the plan, and act on it at once."""
        self._plan_wanted = True  # asked while another plan is in the making, this one follows it
        if self._planning.locked():
            return
        async with self._planning, self._timetable.standing_still():
            while self._plan_wanted:
                self._plan_wanted = False
                await self._make_one_plan()

    async def _make_one_plan(self) -> None:
        async with self._turns.next() as allowed:
            if not allowed:
                return
            snapshot = await self._snapshot()
            announced = await self._plan_in_force()
            now = await self._state(snapshot, announced, await self._measured_c(snapshot))
        state = await self._history.completed(now)
        problem = await self._outlook.problem(state, await self._history.ran(state), announced)
        answer = await self._planner.plan(problem)
        plan = without_margins(answer, self._settings.house, self._settings.home.zone)
        plan = plan.model_copy(update={"made_for": self._settings.digest})
        await self._ledger.add_plan(plan)
        failed = sorted(plan.fallbacks & _PLANNER_FALLBACKS)
        await self._conditions.report("planner", well=not failed, detail=", ".join(failed))
        self._say(plan)
        self._follow(plan)
        await self.step()

    async def plan_if_due(self) -> None:
        """Plan if no plan is in force, it has grown old, or it was made for other settings."""
        plan = await self._plan_in_force()
        oldest = timedelta(seconds=self._settings.planning.replan_after_s)
        is_due = plan is None or self._clock.now() - plan.made_at >= oldest or plan.made_for != self._settings.digest
        if is_due and not self._planning.locked():
            await self.make_plan()

    async def fetch_prices(self) -> None:
        """Fetch prices that are not final yet, and plan anew if they change the outlook of a plan."""
        if await self._fetching.fetch_prices() and await self._plan_in_force() is not None:
            await self.make_plan()

    async def fetch_weather(self) -> None:
        """Fetch the forecast if the last is old, and plan anew if the plan had to do without one."""
        plan = await self._plan_in_force()
        if await self._fetching.fetch_weather() and plan is not None and plan.fallbacks & _WEATHER_FALLBACKS:
            await self.make_plan()

    async def prune(self) -> None:
        """Let go of readings that nobody will ask for."""
        await self._telemetry.prune(self._clock.now() - _READINGS_KEPT)

    async def release(self) -> bool:
        """Put every load into its safe state; return whether all obeyed. A step under way is ended: it may be slow."""
        async with self._turns.last():
            return await self._executor.release()

    def network_changed(self, name: str, well: bool, detail: str) -> None:  # noqa: FBT001 - a network's listener
        """Have it noted that a network went or came; when it came, hold the relays to the plan at once."""
        note = partial(self._note_network, name, well, detail)
        self._timetable.soon(f"{name} is {'back' if well else 'away'}", note)

    async def _note_network(self, name: str, well: bool, detail: str) -> None:  # noqa: FBT001 - bound as it came
        news = await self._conditions.report(name, well=well, detail=detail)
        if news and well:
            await self.step()

    def _listen_to_buttons(self) -> None:
        for load, device in self._relays.items():
            if device.relay is not None:
                device.relay.on_pressed = partial(self._note_pressed, load)

    def _note_pressed(self, load: Name, _state: RelayState) -> None:
        """Have the home looked at, as soon as that is not too often."""
        self._pressed.add(load)
        now = self._clock.now()
        moment = now if self._stepped_at is None else max(now, self._stepped_at + _PRESSED_AGAIN)
        self._timetable.at("pressed", [moment], self.step)

    def _say_what_runs_on(self) -> None:
        for load, device in self._relays.items():
            if device.relay is not None and not device.relay.must_be_renewed:
                _log.warning(
                    "%s cannot end by itself: if the hub is gone while %s is on, it stays on", device.name, load
                )

    def _say(self, plan: Plan) -> None:
        zone = self._settings.home.zone
        _log.info("%s", plan_in_words(plan))
        changed = changes_in_words(plan.changes, zone) if plan.changes is not None else None
        if changed is not None:
            _log.info("%s", changed)
        for miss in plan.misses:
            _log.warning("%s", miss_in_words(miss, zone))

    def _follow(self, plan: Plan) -> None:
        self._timetable.at("switch", switching_instants(plan, self._clock.now()), self.step)

    async def _plan_in_force(self) -> Plan | None:
        """The plan in force; None if there is none, or if another version wrote it in words that this one lacks."""
        try:
            return await self._ledger.plan_in_force(self._clock.now())
        except JournalUnreadable as error:
            _log.warning("the plan in force cannot be read, and is made anew: %s", error)
            return None

    async def _snapshot(self) -> Snapshot:
        self._executor.looking()
        snapshot = await self._sampler.snapshot()
        for device in self._devices:
            reason = snapshot.lost.get(device.name)
            await self._conditions.report(f"device:{device.name}", well=reason is None, detail=reason or "")
        return snapshot

    async def _measured_c(self, snapshot: Snapshot) -> dict[Name, float | None]:
        """What the thermometer of each load says, if that is fresh enough."""
        max_age_s = self._settings.control.temperature_max_age_s
        measured: dict[Name, float | None] = {}
        for load, role in _THERMOMETER_ROLES.items():
            device = self._roles.get(role)
            reading = await self._newest(device.name, snapshot) if device is not None else None
            measured[load] = fresh_temperature_c(reading, snapshot.at, max_age_s)
        return measured

    async def _newest(self, device: Name, snapshot: Snapshot) -> Reading | None:
        for reading in snapshot.readings:
            if reading.device == device:
                return reading
        return await self._telemetry.last_reading(device)

    async def _state(self, snapshot: Snapshot, plan: Plan | None, measured: Mapping[Name, float | None]) -> HouseState:
        loads = await self._executor.load_states(snapshot)
        return house_state(self._settings.house, snapshot.at, measured, plan, loads)

    async def _situation(self, snapshot: Snapshot, state: HouseState, plan: Plan | None) -> Situation:
        silent_w = await self._executor.silent_power_w(snapshot)
        base_w = self._expected.unswitched_w(snapshot.at, plan)
        warmest_c = await self._tank_at_most_c(snapshot, state)
        meter = self._name_of(Role.HOUSE_METER)
        return situation(
            snapshot, state, self._settings.house, self._metered_loads(), meter, base_w, silent_w, warmest_c
        )

    async def _tank_at_most_c(self, snapshot: Snapshot, state: HouseState) -> float | None:
        """None where the tank has no thermometer: then its own thermostat is all that watches it."""
        thermometer = self._roles.get(Role.TANK_THERMOMETER)
        if thermometer is None or WATER_HEATER not in self._relays:
            return None
        reading = await self._newest(thermometer.name, snapshot)
        if reading is None:
            return tank_at_most_c(self._settings.house, None, 0.0)
        heater = state.loads.get(WATER_HEATER)
        on_now = heater is None or heater.on
        on_s = await self._executor.on_s(WATER_HEATER, reading.at, snapshot.at, on_now=on_now)
        return tank_at_most_c(self._settings.house, reading, on_s)

    def _longest_trust(self) -> timedelta:
        """A plan that was due to be made anew long ago is stale: thermostats know better."""
        return timedelta(seconds=2 * self._settings.planning.replan_after_s)

    def _metered_loads(self) -> Mapping[Name, Name]:
        metered = {load: device.name for load, device in self._relays.items() if device.meter is not None}
        seen_by = {one.name: one.infrared.verified_by for one in self._settings.devices if one.infrared is not None}
        return metered | {load: seen_by[device.name] for load, device in self._relays.items() if device.name in seen_by}

    def _executor_of_home(self) -> Executor:
        control = self._settings.control
        return Executor(
            house=self._settings.house,
            relays=self._relays,
            ledger=self._ledger,
            clock=self._clock,
            conditions=self._conditions,
            override=timedelta(seconds=control.override_s),
            dead_man=timedelta(seconds=control.dead_man_s),
        )

    def _history_of_home(self) -> History:
        return History(
            house=self._settings.house,
            zone=self._settings.home.zone,
            demand=self._settings.demand,
            ledger=self._ledger,
            telemetry=self._telemetry,
            tank_thermometer=self._name_of(Role.TANK_THERMOMETER),
            house_meter=self._name_of(Role.HOUSE_METER),
            switched=frozenset(self._switched_appliances),
        )

    def _name_of(self, role: Role) -> Name | None:
        device = self._roles.get(role)
        return device.name if device is not None else None

    def _has_settled(self, plan: Plan, at: datetime) -> bool:
        return at - plan.made_at >= timedelta(seconds=self._settings.planning.settle_s)


def _relays(settings: Settings, devices: Sequence[Device]) -> Mapping[Name, Device]:
    """The devices with a relay, by the load or the appliance that each switches."""
    known = {*settings.house.loads, *(appliance.name for appliance in settings.house.appliances)}
    load_of = {role: load for load, role in LOAD_ROLES.items()}
    appliance_of = {device.name: device.load for device in settings.devices}
    loads = [(load_of.get(device.role) or appliance_of.get(device.name), device) for device in devices]
    return {load: device for load, device in loads if load in known and device.relay is not None}


def _safe_when_off(relays: Mapping[Name, Device]) -> Mapping[Name, Device]:
    """Those of the loads; an appliance that was running goes on after a power cut, as its own program has it."""
    return {load: device for load, device in relays.items() if load in LOAD_ROLES}
