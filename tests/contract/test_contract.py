"""What every relay, meter and thermometer promises, whatever its family."""

import asyncio

import pytest

from agent.domain.device import Ability
from agent.errors import DeviceError, DeviceUnreachable, DeviceUnverified
from agent.ports import Meter, Relay, Thermometer
from tests.contract.bench import DEAD_MAN_S, IMPATIENT_S, NOON, PATIENT_S, Bench, OpenBench, Place
from tests.contract.benches import benches


def with_ability(ability: Ability) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("open_bench", list(benches(ability)), ids=lambda bench: bench.__name__)


relays, meters, thermometers = map(with_ability, (Ability.RELAY, Ability.METER, Ability.THERMOMETER))


def relay_of(bench: Bench, deadline_s: float | None = None) -> Relay:
    relay = (bench.patient if deadline_s is None else bench.device(deadline_s, None)).relay
    assert relay is not None
    return relay


def meter_of(bench: Bench, deadline_s: float | None = None) -> Meter:
    meter = (bench.patient if deadline_s is None else bench.device(deadline_s, None)).meter
    assert meter is not None
    return meter


def thermometer_of(bench: Bench, deadline_s: float | None = None) -> Thermometer:
    thermometer = (bench.patient if deadline_s is None else bench.device(deadline_s, None)).thermometer
    assert thermometer is not None
    return thermometer


@relays
async def test_a_verified_switch_has_moved_the_circuit(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        for wanted in (True, False, False, True, True):
            state = await relay_of(bench).switch(on=wanted)
            assert state.on is wanted is bench.circuit.on
            assert state.at == NOON


@relays
async def test_reading_tells_the_truth_after_somebody_pressed_the_button(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        assert not (await relay_of(bench).read()).on
        bench.plugged.press_button()
        assert (await relay_of(bench).read()).on


@relays
async def test_commands_at_once_are_carried_out_one_after_the_other(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.circuit.switchings.clear()
        wanted = [True, False, True, False, False, True]
        states = await asyncio.gather(*(relay_of(bench).switch(on=on) for on in wanted))
        assert [state.on for state in states] == wanted == bench.circuit.switchings


@relays
async def test_an_unplugged_relay_is_unreachable_and_back_when_plugged_in(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.unplug()
        with pytest.raises(DeviceUnreachable):
            await relay_of(bench, IMPATIENT_S).switch(on=True)
        with pytest.raises(DeviceUnreachable):
            await relay_of(bench, IMPATIENT_S).read()
        await bench.plugged.plug_in()
        assert (await relay_of(bench).switch(on=True)).on


@relays
async def test_a_power_cut_is_told_from_a_press(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        relay = relay_of(bench)
        await relay.switch(on=True)
        before = relay.returns
        bench.plugged.press_button()
        await relay.read()
        assert relay.returns == before
        await cut_power(bench)
        async with asyncio.timeout(PATIENT_S):
            while relay.asked_often and relay.returns == before:  # Bluetooth tells of no return
                await asyncio.sleep(0.01)


@relays
async def test_nothing_that_was_sent_while_it_was_unplugged_is_done_later(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.unplug()
        with pytest.raises(DeviceUnreachable):
            await relay_of(bench, IMPATIENT_S).switch(on=True)
        await bench.plugged.plug_in()
        assert not (await relay_of(bench).read()).on
        assert True not in bench.circuit.switchings


@relays
async def test_a_lost_command_is_never_called_done(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.drop_commands = 1
        with pytest.raises(DeviceUnverified) as caught:
            await relay_of(bench, 4 * IMPATIENT_S).switch(on=True)
        assert caught.value.retryable
        assert not bench.circuit.on


@relays
async def test_a_command_whose_answer_is_lost_is_verified_by_reading_back(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.drop_answers = 1
        assert (await relay_of(bench, 4 * IMPATIENT_S).switch(on=True)).on
        assert bench.circuit.on


@relays
async def test_a_relay_that_never_answers_is_in_an_unknown_state(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.drop_answers = 2
        with pytest.raises(DeviceUnreachable):
            await relay_of(bench, IMPATIENT_S).switch(on=True)
        assert bench.circuit.on


@relays
@pytest.mark.parametrize("fault", ["lie", "stuck"])
async def test_a_relay_that_does_not_move_is_found_out(place: Place, open_bench: OpenBench, fault: str) -> None:
    async with open_bench(place) as bench:
        setattr(bench.plugged.faults, fault, True)
        with pytest.raises(DeviceUnverified):
            await relay_of(bench, 4 * IMPATIENT_S).switch(on=True)
        assert not bench.circuit.on


@relays
async def test_doubled_answers_and_old_states_mislead_nobody(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.duplicate = True
        bench.plugged.faults.old_state_first = True
        for wanted in (True, False, True, True, False):
            assert (await relay_of(bench).switch(on=wanted)).on is wanted is bench.circuit.on


@relays
async def test_a_slow_answer_is_waited_for(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.delay_s = 0.05
        assert (await relay_of(bench).switch(on=True)).on


@relays
async def test_a_cancelled_command_leaves_the_relay_usable(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.drop_answers = 1
        task = asyncio.create_task(relay_of(bench).switch(on=True))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not (await relay_of(bench).switch(on=False)).on


@relays
async def test_an_on_that_nobody_renews_ends_in_the_device(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        relay = bench.device(PATIENT_S, DEAD_MAN_S).relay
        assert relay is not None
        await relay.switch(on=True)
        if not relay.must_be_renewed:  # it cannot, and the owner is told: it must not be thought that it does
            bench.clock.advance(seconds=2 * DEAD_MAN_S)
            bench.plugged.tick()
            assert (await relay.read()).on
            return
        bench.clock.advance(seconds=DEAD_MAN_S - 60)
        bench.plugged.tick()
        await relay.switch(on=True)
        bench.clock.advance(seconds=DEAD_MAN_S - 60)
        bench.plugged.tick()
        assert (await relay.read()).on
        bench.clock.advance(seconds=120)
        bench.plugged.tick()
        assert not (await relay.read()).on
        assert not bench.circuit.on


def start_up_written(bench: Bench) -> int:
    """How often the device was told how to start; a family that can be told counts it."""
    written = getattr(bench.plugged, "start_up_written", 0)
    assert isinstance(written, int)
    return written


async def cut_power(bench: Bench) -> None:
    bench.plugged.unplug()
    await bench.plugged.plug_in()


@relays
@pytest.mark.parametrize("duplicate", [False, True], ids=["once", "twice"])
async def test_a_relay_that_will_start_off_is_off_after_a_power_cut(
    place: Place, open_bench: OpenBench, *, duplicate: bool
) -> None:
    async with open_bench(place) as bench:
        bench.plugged.faults.duplicate = duplicate
        await relay_of(bench).switch(on=True)
        bench.circuit.switchings.clear()
        safe = await relay_of(bench).start_off()
        assert bench.circuit.switchings == []
        if not safe:
            assert start_up_written(bench) == 0
            return
        assert hasattr(bench.plugged, "start_up_written")
        await cut_power(bench)
        assert not bench.circuit.on


@relays
async def test_what_is_set_to_start_off_is_not_set_again(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        safe = await relay_of(bench).start_off()
        written = start_up_written(bench)
        assert written <= 1
        for _ in range(3):
            assert await relay_of(bench).start_off() is safe
        assert start_up_written(bench) == written


@relays
@pytest.mark.parametrize(
    "faults", [{"lie": True}, {"stuck": True}, {"drop_commands": 1}, {"drop_answers": 1}, {"drop_answers": 2}], ids=str
)
async def test_no_lie_and_no_lost_answer_makes_a_start_safe(
    place: Place, open_bench: OpenBench, faults: dict[str, int]
) -> None:
    async with open_bench(place) as bench:
        await relay_of(bench).switch(on=True)
        for fault, value in faults.items():
            setattr(bench.plugged.faults, fault, value)
        try:
            safe = await relay_of(bench, 2 * IMPATIENT_S).start_off()
        except DeviceError:
            safe = False
        await cut_power(bench)
        assert not (safe and bench.circuit.on)


@meters
async def test_a_meter_counts_what_the_circuit_draws(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        before = await meter_of(bench).read()
        assert before.power_w == 0
        await relay_of(bench).switch(on=True)
        bench.clock.advance(hours=1, minutes=30)
        after = await meter_of(bench).read()
        assert after.power_w == bench.circuit.rated_w
        assert before.energy_wh is not None
        assert after.energy_wh == pytest.approx(before.energy_wh + 3000, abs=bench.counts_to_wh)
        assert after.at == bench.clock.now()
        assert after.device == "bench"


@meters
async def test_a_meter_that_starts_anew_says_so_by_its_counter(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.reset_energy()
        assert (await meter_of(bench).read()).energy_wh == 0


@meters
async def test_an_unplugged_meter_is_unreachable(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.unplug()
        with pytest.raises(DeviceUnreachable):
            await meter_of(bench, IMPATIENT_S).read()


@thermometers
@pytest.mark.parametrize("celsius", [-20.0, 0.0, 21.4, 61.5])
async def test_a_thermometer_gives_degrees_celsius(place: Place, open_bench: OpenBench, celsius: float) -> None:
    async with open_bench(place) as bench:
        bench.circuit.celsius = celsius
        reading = await thermometer_of(bench).read()
        assert reading.temperature_c == pytest.approx(celsius, abs=bench.measures_to)
        assert (reading.at, reading.device) == (NOON, "bench")


@thermometers
async def test_a_broken_sensor_gives_no_reading(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.circuit.celsius = -127.0
        with pytest.raises(DeviceError):
            await thermometer_of(bench).read()


@thermometers
async def test_an_unplugged_thermometer_is_unreachable(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        bench.plugged.unplug()
        with pytest.raises(DeviceUnreachable):
            await thermometer_of(bench, IMPATIENT_S).read()


@pytest.mark.parametrize("open_bench", list(benches()), ids=lambda bench: bench.__name__)
async def test_a_scan_sees_what_the_device_can_do(place: Place, open_bench: OpenBench) -> None:
    async with open_bench(place) as bench:
        (seen,) = [s for s in await bench.network.scan(0.2) if s.address == bench.address]
        can = {
            Ability.RELAY: bench.patient.relay,
            Ability.METER: bench.patient.meter,
            Ability.THERMOMETER: bench.patient.thermometer,
        }
        assert seen.abilities == {ability for ability, there in can.items() if there is not None}
        assert seen.profile is not None
        assert seen.reachable
