"""Recordings of Bluetooth devices: what is advertised, and whole frames of the hub's own conversations."""

from agent.adapters.ble.network import BleNetwork
from agent.adapters.ble.recording import AirTap, HeardLinks
from agent.commands.devices.drafts import vectors_of
from agent.commands.devices.fixture import Line
from agent.commands.devices.record import Recording
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from agent.profiles.profile import GoldenVector
from simulators.ble.bthome import BTHomeThermometer
from simulators.ble.shelly import ShellyBle
from simulators.ble.switchbot import SwitchBotPlugMini
from simulators.circuit import Heater
from simulators.shelly.says import Identity
from tests.ble.homes import BleHome, ble_home, running
from tests.contract.bench import PATIENT_S, StillClock
from tests.profiles.decoders import bthome, shelly_ble, switchbot
from tests.zigbee.home import until

MAC = "A0B1C2D3E4F5"
PROFILES = load_profiles()


def said_by(lines: list[Line], message: str) -> GoldenVector:
    return next(vector for vector in vectors_of(lines) if vector.message == message)


async def asked(home: BleHome, profile: str, recording: Recording) -> None:
    """What `--ask` does with the relay."""
    links = HeardLinks(home.radio, MAC.lower(), recording.hear)
    network = BleNetwork(home.radio, home.clock, PROFILES, links)
    adoption = Adoption(name="recorded", role=Role.METER, profile=profile, address=MAC, deadline_s=PATIENT_S)
    relay = network.device(adoption).relay
    assert relay is not None
    async with running([links.run]):
        assert not (await relay.read()).on


async def test_an_advertisement_is_recorded_as_often_as_it_changes() -> None:
    async with ble_home() as home:
        circuit = Heater(celsius=21.5)
        recording = Recording(home.clock, None)
        sensor = BTHomeThermometer(home.bluez, MAC, circuit, home.clock.now, tick_s=0.01)
        async with sensor:
            with AirTap(home.radio).tap(MAC, recording.hear):
                await until(lambda: bool(recording.lines))
                circuit.celsius = 30.0
                home.clock.advance(seconds=3600)
                await until(lambda: len(recording.lines) > 1)
            heard = len(recording.lines)
            circuit.celsius = 12.0
            home.clock.advance(seconds=3600)
            again = Recording(home.clock, None)
            with AirTap(home.radio).tap(MAC, again.hear):
                await until(lambda: bool(again.lines))
            assert len(recording.lines) == heard, "a tap that is closed hears nothing"
        assert len({line.payload_hex for line in recording.lines}) == heard
        vector = said_by(recording.lines, "service data")
        assert bthome.said(PROFILES["bthome-thermometer"], vector).temperatures_c == {None: 21.5}


async def test_what_a_shelly_answers_is_recorded_in_whole_frames() -> None:
    async with ble_home() as home, ShellyBle(home.bluez, Identity(MAC), Heater(), home.clock.now):
        recording = Recording(home.clock, None)
        with AirTap(home.radio).tap(MAC, recording.hear):
            await home.heard(":".join(MAC[i : i + 2] for i in range(0, 12, 2)))
            await asked(home, "shelly-plus-1pm-bluetooth", recording)
        frames = [(line.direction, line.characteristic) for line in recording.lines if line.characteristic]
        assert frames == [("to", "frame"), ("from", "frame")]
        vector = said_by(recording.lines, "frame")
        assert shelly_ble.said(PROFILES["shelly-plus-1pm-bluetooth"], vector).relays == {1: False}
        shown = said_by(recording.lines, "advertisement")
        shelly_ble.said(PROFILES["shelly-plus-1pm-bluetooth"], shown)


async def test_what_a_switchbot_notifies_of_is_recorded() -> None:
    async with ble_home() as home, SwitchBotPlugMini(home.bluez, MAC, Heater(), home.clock.now):
        recording = Recording(home.clock, None)
        await home.heard(":".join(MAC[i : i + 2] for i in range(0, 12, 2)))
        await asked(home, "switchbot-plug-mini-us", recording)
        assert [line.direction for line in recording.lines] == ["to", "from"]
        vector = said_by(recording.lines, "answer")
        assert switchbot.said(PROFILES["switchbot-plug-mini-us"], vector).relays == {1: False}


def test_a_secret_in_bytes_is_left_out() -> None:
    recording = Recording(StillClock(), None)
    for payload in (
        b'\x00\x00\x00\x20{"params":{"config":{"ap":{"pass":"hunter2"}}}}',
        b'\x00\x00\x00\x20{"auth":"hunter2"}',
        b"\x01\xffPassword hunter2",
    ):
        recording.hear(True, "characteristic", "frame", payload, False)  # noqa: FBT003 - as taps do
    assert {line.payload for line in recording.lines} == {"(left out)"}
    assert b"hunter2".hex() not in str(recording.lines)
