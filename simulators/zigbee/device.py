"""A device on the air of a simulated coordinator: it joins, describes itself, answers and reports.

Its applications are tables of attributes and commands; plugs and thermometers fill them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulators.circuit import Now
from simulators.faults import Faults
from simulators.zigbee import zcl, zdo
from simulators.zigbee.mt import MtMalformed, Reader
from simulators.zigbee.stick import Stick
from simulators.zigbee.zcl import Frame, Reporting, Value

BASIC, POWER, IDENTIFY, GROUPS, ON_OFF, OTA = 0x0000, 0x0001, 0x0003, 0x0004, 0x0006, 0x0019
TEMPERATURE, METERING, ELECTRICAL = 0x0402, 0x0702, 0x0B04
_HOME_AUTOMATION = 0x0104
_SPOKEN_TO_S = 1.0


@dataclass(frozen=True)
class Attribute:
    """One number or text that a cluster tells."""

    kind: int
    read: Callable[[], Value]
    write: Callable[[Value], None] | None = None


@dataclass
class Application:
    """One endpoint: its clusters with what they tell and obey."""

    device_type: int
    attributes: dict[tuple[int, int], Attribute] = field(default_factory=dict)
    commands: dict[tuple[int, int], Callable[[Frame], int | None]] = field(default_factory=dict)
    """Return the status of the default answer, or None where the command answers itself."""
    clients: tuple[int, ...] = ()

    def fixed(self, cluster: int, attribute: int, kind: int, value: Value) -> None:
        """Tell an attribute that never changes."""
        self.attributes[cluster, attribute] = Attribute(kind, lambda: value)

    @property
    def described(self) -> zdo.Endpoint:
        """What its simple descriptor says."""
        clusters = {cluster for cluster, _ in (*self.attributes, *self.commands)} - set(self.clients)
        return zdo.Endpoint(_HOME_AUTOMATION, self.device_type, tuple(sorted(clusters)), self.clients)


@dataclass(frozen=True)
class Model:
    """What a device says that it is."""

    manufacturer: str
    name: str
    manufacturer_code: int = 0x1234
    sleeps: bool = False


@dataclass
class _Reported:
    """An attribute that is reported: when, and what was said last."""

    when: Reporting
    value: Value
    at: datetime


class ZigbeeDevice:
    """One radio with its applications."""

    def __init__(self, stick: Stick, ieee: int, model: Model, now: Now) -> None:
        self.ieee = ieee
        self.nwk = 0xFFFE
        self.model = model
        self.powered = True
        self.faults = Faults()
        self.applications: dict[int, Application] = {}
        self.spoken_to = asyncio.Event()
        """Set once the coordinator has sent it something at its present address."""
        self.deaf = False
        """Whether it has its power but hears nothing, as behind a wall of steel."""
        self.answers_failure = False
        """Whether it answers every command with the status FAILURE."""
        self._stick = stick
        self._now = now
        self._sequence = 0
        self._bound: set[tuple[int, int]] = set()
        self._reported: dict[tuple[int, int, int], _Reported] = {}
        self._muted = False

    # ---- being there

    @property
    def address(self) -> str:
        """Its IEEE address, as people write it."""
        return ":".join(f"{byte:02x}" for byte in self.ieee.to_bytes(8, "big"))

    @property
    def node(self) -> zdo.Node:
        """How it describes itself."""
        kind = zdo.END_DEVICE if self.model.sleeps else zdo.ROUTER
        endpoints = {number: application.described for number, application in self.applications.items()}
        return zdo.Node(kind, self.model.manufacturer_code, endpoints)

    @property
    def arranged(self) -> bool:
        """Whether it was told what to report, and to whom."""
        return any((endpoint, cluster) in self._bound for endpoint, cluster, _ in self._reported)

    def put(self, nwk: int) -> None:
        """Be in the network since before, at an address."""
        self.nwk = nwk
        self._stick.put(self)

    def join(self) -> bool:
        """Join, or come back; return whether the coordinator lets it in."""
        self.spoken_to.clear()
        if not self._stick.admit(self):
            return False
        self.announce()
        return True

    def announce(self) -> None:
        """Tell everybody that it is there, as routers do after a restart."""
        self._say_zdo(zdo.ANNOUNCE, self._next(), zdo.announce(self.nwk, self.ieee, self.node), broadcast=True)

    def leave(self) -> None:
        """Say good-bye."""
        self._stick.leave(self)

    def unplug(self) -> None:
        """No power, no good-bye."""
        self.powered = False

    async def plug_in(self) -> None:
        """Power is back: it joins again under another address, and waits until somebody speaks with it there."""
        self.powered = True
        if self.join():
            try:
                async with asyncio.timeout(_SPOKEN_TO_S):
                    await self.spoken_to.wait()
            except TimeoutError:
                return

    async def brown_out(self) -> None:
        """A dip in the mains: it starts anew."""
        self.unplug()
        await self.plug_in()

    def tick(self) -> None:
        """Do what is due by domain time."""
        self.report_due()

    # ---- what it hears

    def receive_broadcast(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to everybody's endpoint 0: only a question for this very device is answered."""
        said = zdo.nwk_addr(self.ieee, self.nwk, payload) if cluster == zdo.NWK_ADDR and not self.deaf else None
        if said is not None:
            self._say_zdo(cluster | zdo.RESPONSE, sequence, said)

    def receive_zdo(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to endpoint 0."""
        self.spoken_to.set()
        if self.deaf:
            return
        if cluster in {zdo.BIND, zdo.UNBIND} and len(payload) >= 11:
            reader = Reader(payload[8:])
            end = (reader.number(1), reader.number(2))
            self._bound = self._bound | {end} if cluster == zdo.BIND else self._bound - {end}
        said = zdo.answer(self.node, self.nwk, cluster, payload)
        if said is not None:
            self._say_zdo(cluster | zdo.RESPONSE, sequence, said)
        if cluster == zdo.LEAVE:
            self.leave()

    def receive(self, cluster: int, endpoint: int, source: int, payload: bytes) -> None:  # noqa: ARG002 - see Radio
        """Take a message to an application."""
        self.spoken_to.set()
        application = self.applications.get(endpoint)
        if application is None or self.deaf:
            return
        try:
            frame = Frame.decoded(payload)
        except MtMalformed:
            return
        counted = cluster == ON_OFF and (frame.specific or frame.command == zcl.READ)
        if counted and self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        if counted and self.faults.drop_answers > 0:
            self.faults.drop_answers -= 1
            self._muted = True
        try:
            self._obey(application, endpoint, cluster, frame)
        finally:
            self._muted = False

    def _obey(self, application: Application, endpoint: int, cluster: int, frame: Frame) -> None:
        if frame.specific:
            command = application.commands.get((cluster, frame.command))
            if self.answers_failure:
                status: int | None = zcl.FAILURE
            else:
                status = zcl.UNSUPPORTED_COMMAND if command is None else command(frame)
        else:
            status = self._obey_general(application, endpoint, cluster, frame)
        wanted = not frame.silent or status != zcl.SUCCESS
        if status is not None and wanted and frame.command != zcl.DEFAULT_ANSWER:
            self.answer(endpoint, cluster, frame, zcl.DEFAULT_ANSWER, bytes([frame.command, status]))

    def _obey_general(self, application: Application, endpoint: int, cluster: int, frame: Frame) -> int | None:
        try:
            if frame.command == zcl.READ:
                said = zcl.read_answer(
                    self._read(application, cluster, asked) for asked in zcl.read_request(frame.payload)
                )
                self.answer(endpoint, cluster, frame, zcl.READ_ANSWER, said)
            elif frame.command == zcl.WRITE:
                self.answer(
                    endpoint, cluster, frame, zcl.WRITE_ANSWER, self._write(application, cluster, frame.payload)
                )
            elif frame.command == zcl.CONFIGURE:
                said = self._configure(application, endpoint, cluster, frame.payload)
                self.answer(endpoint, cluster, frame, zcl.CONFIGURE_ANSWER, said)
            elif frame.command in {zcl.DEFAULT_ANSWER, zcl.REPORT}:
                return None
            else:
                return zcl.UNSUPPORTED_COMMAND
        except MtMalformed:
            return zcl.MALFORMED
        return None

    @staticmethod
    def _read(application: Application, cluster: int, asked: int) -> tuple[int, int, Value] | tuple[int, None, int]:
        attribute = application.attributes.get((cluster, asked))
        if attribute is None:
            return asked, None, zcl.UNSUPPORTED_ATTRIBUTE
        return asked, attribute.kind, attribute.read()

    @staticmethod
    def _write(application: Application, cluster: int, payload: bytes) -> bytes:
        failed = b""
        for number, _, value in zcl.write_request(payload):
            attribute = application.attributes.get((cluster, number))
            if attribute is None or attribute.write is None:
                status = zcl.UNSUPPORTED_ATTRIBUTE if attribute is None else zcl.READ_ONLY
                failed += bytes([status]) + number.to_bytes(2, "little")
            else:
                attribute.write(value)
        return failed or bytes([zcl.SUCCESS])

    def _configure(self, application: Application, endpoint: int, cluster: int, payload: bytes) -> bytes:
        failed = b""
        for number, when in zcl.configure_request(payload):
            attribute = application.attributes.get((cluster, number))
            if attribute is None:
                failed += bytes([zcl.UNSUPPORTED_ATTRIBUTE, 0]) + number.to_bytes(2, "little")
            elif when.longest_s == 0xFFFF:
                self._reported.pop((endpoint, cluster, number), None)
            else:
                self._reported[endpoint, cluster, number] = _Reported(when, attribute.read(), self._now())
        return failed or bytes([zcl.SUCCESS])

    # ---- what it says

    def answer(
        self, endpoint: int, cluster: int, to: Frame, command: int, payload: bytes, *, own: bool = False
    ) -> None:
        """Answer a frame; `own` says that the cluster defines the answer."""
        frame = Frame(to.sequence, command, payload, own, not to.from_server, silent=True, manufacturer=to.manufacturer)
        self._say(endpoint, cluster, frame)

    def report(self, endpoint: int, cluster: int, number: int, value: Value) -> None:
        """Report an attribute, whether somebody asked for that or not."""
        kind = self.applications[endpoint].attributes[cluster, number].kind
        payload = zcl.report([(number, kind, value)])
        self._say(endpoint, cluster, Frame(self._next(), zcl.REPORT, payload, from_server=True, silent=True))

    def report_due(self) -> None:
        """Report what has changed enough, or was not reported for long enough."""
        for (endpoint, cluster, number), reported in self._reported.items():
            value = self.applications[endpoint].attributes[cluster, number].read()
            silent_s = (self._now() - reported.at) / timedelta(seconds=1)
            changed = _differs(value, reported.value, reported.when.change) and silent_s >= reported.when.shortest_s
            overdue = reported.when.longest_s > 0 and silent_s >= reported.when.longest_s
            if (changed or overdue) and (endpoint, cluster) in self._bound:
                reported.value, reported.at = value, self._now()
                self.report(endpoint, cluster, number, value)

    def _say(self, endpoint: int, cluster: int, frame: Frame) -> None:
        if self._muted:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            if self.faults.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self.faults.delay_s, self._speak, self.nwk, endpoint, cluster, frame)
            else:
                self._speak(self.nwk, endpoint, cluster, frame)

    def _speak(self, nwk: int, endpoint: int, cluster: int, frame: Frame) -> None:
        if self.powered and nwk == self.nwk:
            self._stick.hear(self, cluster, endpoint, frame.encoded())

    def _say_zdo(self, cluster: int, sequence: int, payload: bytes, *, broadcast: bool = False) -> None:
        if self.powered:
            self._stick.hear_zdo(self, cluster, sequence, bytes(payload), broadcast=broadcast)

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) % 256
        return self._sequence


def _differs(value: Value, before: Value, change: int) -> bool:
    if isinstance(value, int) and isinstance(before, int) and change > 0:
        return abs(value - before) >= change
    return value != before


def basic(model: Model, device_type: int) -> Application:
    """An application that says what it is, and knows nothing else yet."""
    application = Application(device_type, clients=(OTA,))
    application.fixed(BASIC, 0x0000, zcl.UINT8, 3)
    application.fixed(BASIC, 0x0004, zcl.STRING, model.manufacturer)
    application.fixed(BASIC, 0x0005, zcl.STRING, model.name)
    application.fixed(BASIC, 0x0007, zcl.ENUM8, 3 if model.sleeps else 1)
    application.fixed(BASIC, 0x4000, zcl.STRING, "1.0.2")
    application.fixed(IDENTIFY, 0x0000, zcl.UINT16, 0)
    application.commands[IDENTIFY, 0x00] = lambda _: zcl.SUCCESS
    application.fixed(OTA, 0x0002, zcl.UINT32, 0x01020003)
    application.commands[OTA, 0x00] = lambda _: zcl.SUCCESS
    return application
