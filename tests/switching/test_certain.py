"""What a relay promises, whatever becomes of single orders and answers: on virtual time, over any faults."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.domain.device import RelayState
from agent.errors import DeviceError, DeviceMalformed, DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.switching.certain import CertainRelay, Standing
from tests.virtual_time import run_virtually

START = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
DEADLINE_S = 5.0
AWAY_S = 1.0
EVER_S = 1e6
"""A device that does not answer at all."""


@dataclass(frozen=True)
class Fate:
    """What becomes of one order or question."""

    arrives: bool = True
    """Whether the device hears it, ..."""
    moves: bool = True
    """... and whether the relay then moves."""
    after_s: float = 0.01
    """Until it has done so."""
    answered: bool = True
    answered_after_s: float = 0.01
    answers_wrongly: bool = False
    fails: type[DeviceError] | None = None


OBEYED = Fate()
LOST = Fate(arrives=False, answered=False)
ANSWER_LOST = Fate(answered=False)


@dataclass(frozen=True)
class Event:
    """What the switch saw."""

    what: str
    on: bool
    at: datetime


@dataclass
class Wire:
    """What all relays of one device share, and what happened on it, in order."""

    events: list[Event] = field(default_factory=list)
    speaking: int = 0
    spoke_at_once: int = 0

    def note(self, what: str, *, on: bool) -> None:
        self.events.append(Event(what, on, datetime.now(UTC)))


class ScriptedSwitch:
    """A relay that does what the script says, order by order and question by question."""

    ends_itself = True
    asked_often = True
    returns = 0

    def __init__(self, wire: Wire, orders: Sequence[Fate] = (), questions: Sequence[Fate] = ()) -> None:
        self.wire = wire
        self.on = False
        self.away = ""
        self.reports = True
        self.old_state_first = False
        self.ends_after_s: list[float | None] = []
        self.on_report: Callable[[bool], None] | None = None
        self._orders = list(orders)
        self._questions = list(questions)
        self._late: list[asyncio.TimerHandle] = []

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        fate = self._orders.pop(0) if self._orders else OBEYED
        self.ends_after_s.append(ends_after_s)
        await self._spoken(fate, "order", on=on)
        self.wire.note("acknowledged", on=on)

    async def ask(self) -> bool:
        fate = self._questions.pop(0) if self._questions else OBEYED
        await self._spoken(fate, "question", on=self.on)
        answer = self.on is not fate.answers_wrongly
        self.wire.note("answer", on=answer)
        return answer

    async def start_off(self) -> bool:
        return await self.ask()

    async def _spoken(self, fate: Fate, what: str, *, on: bool) -> None:
        self.wire.note(what, on=on)
        self.wire.speaking += 1
        self.wire.spoke_at_once = max(self.wire.spoke_at_once, self.wire.speaking)
        try:
            if fate.fails is not None:
                raise fate.fails("plug", "so the script says")
            if what == "order" and fate.arrives and fate.moves:
                loop = asyncio.get_running_loop()  # it moves even if nobody waits for it any more
                self._late.append(loop.call_later(fate.after_s, self.move, on, "moved"))
            await asyncio.sleep(fate.after_s + fate.answered_after_s if fate.answered else EVER_S)
        finally:
            self.wire.speaking -= 1

    def move(self, on: bool, why: str = "pressed") -> None:  # noqa: FBT001 - called by a timer
        changed, was = on is not self.on, self.on
        self.on = on
        self.wire.note(why, on=on)
        if self.reports and self.on_report is not None:
            if self.old_state_first:
                self.say(was)
            if changed or why == "moved":
                self.say(on)

    def say(self, on: bool) -> None:  # noqa: FBT001 - a report
        self.wire.note("report", on=on)
        assert self.on_report is not None
        self.on_report(on)

    def end(self) -> None:
        for timer in self._late:
            timer.cancel()


@dataclass
class Bench:
    """A relay on its switch, and what became of each call."""

    switch: ScriptedSwitch
    relay: CertainRelay
    pressed: list[RelayState] = field(default_factory=list)


def bench(
    orders: Sequence[Fate] = (),
    questions: Sequence[Fate] = (),
    *,
    wire: Wire | None = None,
    turn: asyncio.Lock | None = None,
    ends_after_s: float | None = None,
) -> Bench:
    switch = ScriptedSwitch(Wire() if wire is None else wire, orders, questions)
    relay = CertainRelay(switch, SystemClock(), "plug", deadline_s=DEADLINE_S, ends_after_s=ends_after_s, turn=turn)
    made = Bench(switch, relay)
    relay.on_pressed = made.pressed.append
    return made


def virtually(main: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever the test returns
    async def run() -> Any:  # noqa: ANN401
        return await main()

    return run_virtually(START, run)


seconds = st.floats(0, 12).map(lambda s: round(s, 2))
fates = st.builds(
    Fate,
    arrives=st.booleans(),
    moves=st.booleans(),
    after_s=seconds,
    answered=st.booleans(),
    answered_after_s=seconds,
    answers_wrongly=st.booleans(),
    fails=st.sampled_from([None, None, None, None, DeviceUnreachable, DeviceRefused, DeviceMalformed]),
) | st.sampled_from([OBEYED, LOST, ANSWER_LOST])


@dataclass(frozen=True)
class Call:
    """Somebody wants something of the relay, and may give up."""

    at_s: float
    on: bool | None
    """None: read."""
    gives_up_s: float | None
    relay: int


calls = st.builds(
    Call, at_s=seconds, on=st.none() | st.booleans(), gives_up_s=st.none() | seconds, relay=st.integers(0, 1)
)
presses = st.tuples(seconds, st.booleans())


@dataclass
class Outcome:
    """What became of one call."""

    call: Call
    state: RelayState | None = None
    error: BaseException | None = None
    began: int = 0
    """Events before it was made."""
    ended: int = 0
    """Events when it was over."""
    took_s: float = 0.0


async def carried_out(device: Sequence[Bench], call: Call) -> Outcome:
    """The call, and what became of it."""
    outcome, loop = Outcome(call), asyncio.get_running_loop()
    await asyncio.sleep(call.at_s)
    relay, events = device[call.relay].relay, device[0].switch.wire.events
    outcome.began, began_s = len(events), loop.time()
    try:
        async with asyncio.timeout(call.gives_up_s):
            outcome.state = await (relay.read() if call.on is None else relay.switch(on=call.on))
    except (DeviceError, TimeoutError) as error:
        outcome.error = error
    outcome.ended, outcome.took_s = len(events), loop.time() - began_s
    return outcome


@given(
    fates_of=st.lists(st.tuples(st.lists(fates, max_size=6), st.lists(fates, max_size=10)), min_size=2, max_size=2),
    called=st.lists(calls, min_size=1, max_size=6),
    pressed=st.lists(presses, max_size=4),
    old_state_first=st.booleans(),
)
def test_whatever_gets_lost_a_promise_is_kept(
    fates_of: list[tuple[list[Fate], list[Fate]]],
    called: list[Call],
    pressed: list[tuple[float, bool]],
    old_state_first: bool,  # noqa: FBT001 - drawn
) -> None:
    async def main() -> None:
        wire, turn = Wire(), asyncio.Lock()
        device = [bench(orders, questions, wire=wire, turn=turn) for orders, questions in fates_of]
        device[0].switch.old_state_first = old_state_first
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(at_s, device[0].switch.move, on) for at_s, on in pressed]
        outcomes = await asyncio.gather(*(carried_out(device, call) for call in called))
        assert wire.spoke_at_once <= 1, "two spoke with one device at once"
        assert not turn.locked()
        for outcome in outcomes:
            _was_honest(outcome, wire.events)
        for timer in timers:
            timer.cancel()
        for one in device:
            one.switch.end()
        # Whatever was before: a device that obeys is switched at once.
        switch = device[0].switch
        switch._orders, switch._questions = [], []  # the script is over
        assert (await device[0].relay.switch(on=not switch.on)).on is switch.on
        switch.end()

    virtually(main)


def _was_honest(outcome: Outcome, events: Sequence[Event]) -> None:
    """Done means: after the order the device answered so, within the deadline of each who was before."""
    during = events[outcome.began : outcome.ended]
    if outcome.state is not None:
        answers = [event for event in during if event.what == "answer" and event.at == outcome.state.at]
        assert answers, "a state that no device gave"
        assert answers[-1].on is outcome.state.on
        if outcome.call.on is not None:
            assert outcome.state.on is outcome.call.on
            ordered = [event for event in during if event.what == "order" and event.on is outcome.call.on]
            assert ordered, "done without an order"
            assert during.index(ordered[0]) < during.index(answers[-1])
    if isinstance(outcome.error, DeviceUnverified):
        assert any(event.what == "answer" and event.on is not outcome.call.on for event in during)
    assert outcome.took_s <= 6 * DEADLINE_S + 0.01  # six calls at most stand in one line


@given(
    orders=st.lists(fates, max_size=4),
    questions=st.lists(fates, max_size=8),
    wanted=st.lists(st.none() | st.booleans(), min_size=1, max_size=5),
    away=st.booleans(),
)
def test_each_call_keeps_its_deadline_and_the_standing_is_true(
    orders: list[Fate],
    questions: list[Fate],
    wanted: list[bool | None],
    away: bool,  # noqa: FBT001 - drawn
) -> None:
    async def main() -> None:
        one = bench(orders, questions)
        one.switch.away = "its last will says so" if away else ""
        loop, wire = asyncio.get_running_loop(), one.switch.wire
        for on in wanted:
            begun_s, before = loop.time(), len(wire.events)
            with suppress(DeviceError):
                await (one.relay.read() if on is None else one.relay.switch(on=on))
            assert loop.time() - begun_s <= (AWAY_S if away else DEADLINE_S) + 0.001
            if on is not None:
                heard = any(event.what == "acknowledged" for event in wire.events[before:])
                assert one.relay.acknowledged is heard
            assert one.relay.standing == _standing(wire.events, one.relay.standing.acknowledged)
        one.switch.end()

    virtually(main)


def _standing(events: Sequence[Event], acknowledged: bool) -> Standing:  # noqa: FBT001 - passed on
    last = {event.what: event for event in events}
    said = {
        what: RelayState(on=last[word].on, at=last[word].at) if word in last else None
        for what, word in (("reported", "report"), ("verified", "answer"))
    }
    desired = last["order"].on if "order" in last else None
    return Standing(desired=desired, acknowledged=acknowledged, **said)


@given(
    pressed=st.lists(st.booleans(), max_size=8),
    ordered=st.none() | st.booleans(),
    again=st.integers(0, 2),
    reads=st.booleans(),
)
def test_only_changes_that_nobody_ordered_are_told(
    pressed: list[bool],
    ordered: bool | None,  # noqa: FBT001 - drawn
    again: int,
    reads: bool,  # noqa: FBT001 - drawn
) -> None:
    async def main() -> None:
        one = bench()
        if ordered is not None:
            await one.relay.switch(on=ordered)
        elif reads:
            await one.relay.read()
        known = one.switch.on if ordered is not None or reads else None
        foreign = []
        for on in pressed:
            await asyncio.sleep(60)
            said = [on] * (again + (on is not one.switch.on))
            one.switch.move(on)
            for _ in range(again):
                one.switch.say(on)
            for word in said:
                foreign += [word] if known is not None and word is not known and word is not ordered else []
                known = word
        assert [state.on for state in one.pressed] == foreign
        assert one.relay.standing.desired is ordered
        one.switch.end()

    virtually(main)


def test_an_order_whose_answer_is_lost_is_verified_by_asking() -> None:
    one = bench([ANSWER_LOST])
    assert virtually(lambda: one.relay.switch(on=True)).on
    assert not one.relay.acknowledged
    assert [event.what for event in one.switch.wire.events].count("order") == 1


def test_a_lost_order_is_not_done_and_not_sent_twice() -> None:
    one = bench([LOST])
    with pytest.raises(DeviceUnverified, match="is off after it was told to be on"):
        virtually(lambda: one.relay.switch(on=True))
    assert [event.what for event in one.switch.wire.events].count("order") == 1


def test_a_device_that_says_yes_and_stays_as_it_is_is_found_out() -> None:
    one = bench([Fate(moves=False)])
    with pytest.raises(DeviceUnverified):
        virtually(lambda: one.relay.switch(on=True))
    assert one.relay.acknowledged
    assert one.relay.standing.verified is not None
    assert not one.relay.standing.verified.on


def test_a_device_that_says_nothing_is_in_either_state() -> None:
    one = bench([ANSWER_LOST], [LOST])
    with pytest.raises(DeviceUnreachable, match="no answer within 5 s"):
        virtually(lambda: one.relay.switch(on=True))
    assert one.switch.on
    assert one.relay.standing.verified is None


def test_a_relay_that_is_slow_to_move_is_asked_again() -> None:
    one = bench([Fate(after_s=2.6)])  # nobody waits for its answer so long, and the first question comes too early
    assert virtually(lambda: one.relay.switch(on=True)).on
    assert [event.what for event in one.switch.wire.events].count("question") == 2


def test_the_words_of_a_device_that_it_was_on_before_verify_nothing() -> None:
    async def main() -> None:
        one = bench([LOST])
        asyncio.get_running_loop().call_later(1, one.switch.say, True)  # noqa: FBT003 - a stale report
        with pytest.raises(DeviceUnverified):
            await one.relay.switch(on=True)
        assert one.relay.standing.reported is not None
        assert one.relay.standing.reported.on
        assert one.pressed == []

    virtually(main)


def test_what_is_refused_is_not_asked_about() -> None:
    one = bench([Fate(fails=DeviceRefused)])
    with pytest.raises(DeviceRefused):
        virtually(lambda: one.relay.switch(on=True))
    assert [event.what for event in one.switch.wire.events] == ["order"]


def test_an_on_ends_itself_and_an_off_does_not() -> None:
    async def main() -> None:
        one = bench(ends_after_s=900.0)
        assert one.relay.must_be_renewed
        await one.relay.switch(on=True)
        await one.relay.switch(on=False)
        assert one.switch.ends_after_s == [900.0, None]

    virtually(main)


def test_a_relay_that_cannot_end_itself_is_not_asked_to() -> None:
    class Plain(ScriptedSwitch):
        ends_itself = False

    async def main() -> None:
        switch = Plain(Wire())
        relay = CertainRelay(switch, SystemClock(), "plug", deadline_s=DEADLINE_S, ends_after_s=900.0)
        assert not relay.must_be_renewed
        await relay.switch(on=True)
        assert switch.ends_after_s == [None]

    virtually(main)


def test_an_order_that_is_given_up_lets_the_next_one_in_at_once() -> None:
    async def main() -> None:
        one = bench([LOST])
        first = asyncio.create_task(one.relay.switch(on=True))
        await asyncio.sleep(1)
        second = asyncio.create_task(one.relay.switch(on=False))
        await asyncio.sleep(0.1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not (await second).on
        assert datetime.now(UTC) < START + timedelta(seconds=1.5)

    virtually(main)


def test_orders_come_in_the_order_in_which_they_were_given() -> None:
    async def main() -> None:
        one = bench()
        wanted = [True, False, False, True, False]
        await asyncio.gather(*(one.relay.switch(on=on) for on in wanted))
        assert [event.on for event in one.switch.wire.events if event.what == "order"] == wanted

    virtually(main)


def test_a_button_that_is_pressed_while_the_device_is_asked_is_told() -> None:
    async def main() -> None:
        one = bench([], [OBEYED, Fate(answered_after_s=2.0)])
        await one.relay.switch(on=True)
        asyncio.get_running_loop().call_later(1, one.switch.move, False)  # noqa: FBT003 - a press
        await one.relay.read()
        assert [state.on for state in one.pressed] == [False]

    virtually(main)


def test_a_button_that_is_pressed_while_the_other_relay_is_ordered_is_told() -> None:
    async def main() -> None:
        wire, turn = Wire(), asyncio.Lock()
        one, other = bench(wire=wire, turn=turn), bench([ANSWER_LOST], wire=wire, turn=turn)
        await one.relay.switch(on=True)
        asyncio.get_running_loop().call_later(1, one.switch.move, False)  # noqa: FBT003 - a press
        await other.relay.switch(on=True)
        assert [state.on for state in one.pressed] == [False]
        assert other.pressed == []

    virtually(main)


def test_a_device_that_never_obeyed_and_says_so_again_and_again_was_not_pressed() -> None:
    async def main() -> None:
        one = bench([LOST])
        with pytest.raises(DeviceUnverified):
            await one.relay.switch(on=True)
        for _ in range(3):
            one.switch.say(False)  # noqa: FBT003 - a report
        assert one.pressed == []

    virtually(main)


def test_a_button_is_noticed_before_the_first_order() -> None:
    async def main() -> None:
        one = bench()
        await one.relay.read()
        one.switch.move(True)  # noqa: FBT003 - a press
        assert [state.on for state in one.pressed] == [True]

    virtually(main)


def test_what_is_said_during_an_order_may_be_of_before_it() -> None:
    async def main() -> None:
        one = bench([OBEYED, Fate(answered_after_s=1.0)])
        await one.relay.switch(on=True)
        asyncio.get_running_loop().call_later(0.5, one.switch.say, True)  # noqa: FBT003 - late, after it went off
        assert not (await one.relay.switch(on=False)).on
        assert one.pressed == []

    virtually(main)
