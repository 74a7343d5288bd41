"""Plugs that lose their power: how they start, and who is told how they stand afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.adapters.zigbee import returning
from agent.adapters.zigbee.network import ZigbeeNetwork
from agent.domain.device import RelayState
from agent.errors import DeviceUnreachable
from agent.ports import Relay
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.device import ON_OFF
from simulators.zigbee.plug import AS_BEFORE, OFF_AT_START, ON_AT_START, ZigbeePlug
from tests.contract.bench import StillClock
from tests.zigbee.home import FIRST, Formed, adopt, copied, network_on, running, until
from tests.zigbee.plugged import put, relay_of


@dataclass
class Home:
    """A plug with its relay, and what was told of it unasked."""

    stick: Coordinator
    network: ZigbeeNetwork
    plug: ZigbeePlug
    circuit: Heater
    relay: Relay
    pressed: list[bool]


def questions(home: Home) -> int:
    """How often it was asked how it stands."""
    return sum((cluster, payload[2:]) == (ON_OFF, bytes(3)) for _, cluster, payload in home.stick.heard)


@asynccontextmanager
async def home_of(left: Formed, folder: Path, clock: StillClock, *, starts_as_told: bool = True) -> AsyncIterator[Home]:
    circuit = Heater()
    async with copied(left, folder) as stick:
        network = network_on(stick, folder, clock)
        device = ZigbeePlug(stick, FIRST, circuit, clock.now, starts_as_told=starts_as_told)
        device.put(0x1001)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.3))
            pressed: list[bool] = []

            def told(state: RelayState) -> None:
                pressed.append(state.on)

            relay.on_pressed = told
            yield Home(stick, network, device, circuit, relay, pressed)


@pytest.mark.parametrize("before", [AS_BEFORE, ON_AT_START])
async def test_a_plug_that_was_on_is_off_after_a_power_cut(
    left: Formed, tmp_path: Path, clock: StillClock, before: int
) -> None:
    async with home_of(left, tmp_path, clock) as home:
        home.plug.start_up = before
        assert (await home.relay.switch(on=True)).on
        assert await home.relay.start_off()
        assert home.plug.is_on(), "to set how it starts moves no relay"
        assert home.plug.obeyed == [0x01]
        await home.plug.brown_out()
        assert not home.circuit.on
        assert not (await home.relay.read()).on


async def test_what_starts_off_already_is_not_written_again(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with home_of(left, tmp_path, clock) as home:
        assert await home.relay.start_off()
        assert await home.relay.start_off()
        assert home.plug.start_up_written == 1


async def test_a_plug_that_cannot_be_told_how_to_start_says_so(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with home_of(left, tmp_path, clock, starts_as_told=False) as home:
        assert not await home.relay.start_off()
        assert not any(payload[2] == 0x02 for _, cluster, payload in home.stick.heard if cluster == ON_OFF)


async def test_a_plug_that_keeps_its_own_start_is_not_believed(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with home_of(left, tmp_path, clock) as home:
        fixed = home.plug.applications[1].attributes[ON_OFF, 0x4003]
        home.plug.applications[1].fixed(ON_OFF, 0x4003, fixed.kind, ON_AT_START)
        assert not await home.relay.start_off()


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_lost_answer_never_means_that_it_starts_off(
    left: Formed, tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """The answers to the question, to what is written, and to the question whether it took that."""
    async with home_of(left, tmp_path, clock) as home:
        said = home.plug.answer
        answers = 0

        def answer(*what: object, **more: bool) -> None:
            nonlocal answers
            answers += 1
            if answers != lost:
                said(*what, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(home.plug, "answer", answer)
        with pytest.raises(DeviceUnreachable):
            await home.relay.start_off()
        assert answers == lost
        assert await home.relay.start_off()
        assert home.plug.start_up == OFF_AT_START


async def test_a_plug_that_came_back_otherwise_is_noticed_unasked(
    left: Formed, tmp_path: Path, clock: StillClock
) -> None:
    async with home_of(left, tmp_path, clock) as home:
        home.plug.start_up = OFF_AT_START
        assert (await home.relay.switch(on=True)).on
        await home.plug.brown_out()
        await until(lambda: home.pressed == [False])


async def test_a_plug_that_restarts_at_its_old_address_is_noticed_too(
    left: Formed, tmp_path: Path, clock: StillClock
) -> None:
    async with home_of(left, tmp_path, clock) as home:
        assert (await home.relay.switch(on=True)).on
        home.plug.applications[1].fixed(ON_OFF, 0x0000, 0x10, 0)
        home.plug.announce()
        await until(lambda: home.pressed == [False])


async def test_what_came_back_as_it_was_is_no_news(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with home_of(left, tmp_path, clock) as home:
        assert (await home.relay.switch(on=True)).on
        before = questions(home)
        await home.plug.brown_out()
        await until(lambda: questions(home) > before)
        assert (await home.relay.read()).on
        assert home.pressed == []


async def test_a_plug_that_does_not_answer_at_once_is_asked_again(
    left: Formed, tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "_ANSWERS_S", 0.05)
    monkeypatch.setattr(returning, "_PAUSE_S", 0.01)
    async with home_of(left, tmp_path, clock) as home:
        home.plug.start_up = OFF_AT_START
        assert (await home.relay.switch(on=True)).on
        home.plug.faults.drop_commands = 1
        await home.plug.brown_out()
        await until(lambda: home.pressed == [False])
        home.plug.deaf = True
        before = questions(home)
        home.plug.announce()
        await until(lambda: questions(home) >= before + 3)
        await asyncio.sleep(0.2)
        assert questions(home) == before + 3, "what stays silent is left to the next step"


async def test_an_order_waits_for_no_question_and_is_not_doubted_by_it(
    left: Formed, tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question of before the order is answered after it, with what was true then."""
    async with home_of(left, tmp_path, clock) as home:
        assert not (await home.relay.switch(on=False)).on
        late: list[tuple[object, ...]] = []
        said = home.plug.answer

        def answer(*what: object, **more: bool) -> None:
            if late or what[1] != ON_OFF:
                said(*what, **more)  # type: ignore[arg-type]
            else:
                late.append(what)

        monkeypatch.setattr(home.plug, "answer", answer)
        home.plug.announce()
        await until(lambda: bool(late))
        assert (await home.relay.switch(on=True)).on
        station = home.network._stations[home.plug.address]
        answered = station.answered_at
        clock.advance(seconds=1)
        said(*late[0])  # type: ignore[arg-type]
        await until(lambda: station.answered_at != answered)
        assert home.pressed == []


async def test_devices_that_nobody_switches_and_crowds_are_not_asked_for_ever(
    left: Formed, tmp_path: Path, clock: StillClock
) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            device.announce()
            relay_of(adopt(network, device, "zigbee-plug"))
            for _ in range(1000):
                network.device_announce(network._stations[device.address]._attached)
            assert network._returning._waiting.qsize() == 1
