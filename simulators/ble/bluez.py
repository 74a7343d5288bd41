"""A BlueZ without a radio: `org.bluez` on a private bus, as far as a central that scans and connects needs it.

It speaks at the level of messages, for BlueZ says many things in an order that matters. What devices do in the air
they do through `Air`; what is wrong with the radio itself stands in `RadioFaults`.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from simulators.ble.bus import PrivateBus
from simulators.ble.objects import ADAPTER, CHARACTERISTIC, DEVICE, OBJECTS, PROPERTIES, Adapter, Known, said
from simulators.ble.peripheral import Peripheral

_FAILED, _IN_PROGRESS = "org.bluez.Error.Failed", "org.bluez.Error.InProgress"
_NOT_READY, _NOT_SUPPORTED = "org.bluez.Error.NotReady", "org.bluez.Error.NotSupported"
_UNKNOWN = "org.freedesktop.DBus.Error.UnknownObject"
_UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"

Answer = Message | bool
"""What becomes of a call: an answer now, or True for one that comes later, or never."""


@dataclass
class RadioFaults:
    """What is wrong with the radio. Counts go down as they are used up."""

    in_progress: Counter[str] = field(default_factory=Counter)
    """By method: so many calls of it are answered with InProgress."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """By method: so many calls of it are never answered."""
    breaks_after_writes: int | None = None
    """The connection breaks once so many writes have arrived."""
    most_connections: int = 99
    """What the radio can hold at once."""


class Bluez:
    """One simulated BlueZ. Enter it to put it on its bus."""

    def __init__(self, bus: PrivateBus, adapter: Adapter | None = None) -> None:
        """Without an adapter BlueZ runs, and has nothing to show."""
        self._address = bus.address
        self._bus: MessageBus | None = None
        self.adapter = adapter
        self.faults = RadioFaults()
        self.mtu = 247
        """Bytes of one packet, three of which carry no value."""
        self.calls: Counter[str] = Counter()
        """How often each method was called."""
        self.connections_at_most = 0
        self._there: dict[str, Peripheral] = {}
        self._known: dict[str, Known] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take the name on the bus."""
        bus = MessageBus(bus_address=self._address)
        await bus.connect()
        bus.add_message_handler(self._on_message)
        await bus.request_name("org.bluez")
        self._bus = bus

    async def stop(self) -> None:
        """Leave the bus."""
        bus, self._bus = self._bus, None
        if bus is not None and bus.connected:
            bus.disconnect()
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    # ---- in the hand of a test

    def lose_adapter(self) -> None:
        """Pull the radio out: all that was known of devices goes with it."""
        adapter, self.adapter = self.adapter, None
        if adapter is None:
            return
        for known in tuple(self._known.values()):
            self._break(known)
            self._removed(known.path, [DEVICE])
        self._known.clear()
        self._removed(adapter.path, [ADAPTER])

    def bring_adapter(self, adapter: Adapter | None = None) -> None:
        """Put it in again, or another one."""
        self.adapter = Adapter() if adapter is None else adapter
        self._added(self.adapter.path, self.adapter.interfaces)

    @property
    def connections(self) -> int:
        """Open now."""
        return sum(known.connected for known in self._known.values())

    # ---- the air

    def arrive(self, peripheral: Peripheral) -> None:
        """The device is there: it may be heard and connected."""
        self._there[peripheral.mac] = peripheral
        for known in self._known.values():
            if known.peripheral is peripheral:
                waiting, known.connecting = known.connecting, []
                for call in waiting:
                    self._connect(known, call)

    def vanish(self, peripheral: Peripheral) -> None:
        """The device is gone, and with it its connection."""
        self._there.pop(peripheral.mac, None)
        self.drop(peripheral)

    def advertise(self, peripheral: Peripheral) -> None:
        """The device says what it has to say, unless it is connected."""
        adapter = self.adapter
        if adapter is None or not adapter.discovering or peripheral.mac not in self._there:
            return
        news = peripheral.advertisement
        known = next((one for one in self._known.values() if one.peripheral is peripheral), None)
        if known is None:
            known = Known(peripheral, adapter.path, news)
            self._known[known.path] = known
            self._added(known.path, known.interfaces)
        elif not known.connected and (adapter.duplicates or news != known.heard):
            known.heard = news
            known.rssi = -60 if known.rssi != -60 else -63
            self._changed(known.path, DEVICE, {"RSSI": Variant("n", known.rssi), **said(news)})

    def notify(self, peripheral: Peripheral, uuid: str, value: bytes) -> None:
        """The device sends the value of a characteristic to who has asked for it."""
        for known in self._known.values():
            if known.peripheral is peripheral and known.connected:
                for path in known.paths_of(uuid):
                    if path in known.notified:
                        self._changed(path, CHARACTERISTIC, {"Value": Variant("ay", value)})

    def drop(self, peripheral: Peripheral) -> None:
        """The connection breaks."""
        for known in self._known.values():
            if known.peripheral is peripheral:
                self._break(known)

    # ---- what is asked of it

    def _on_message(self, message: Message) -> Answer:
        if message.message_type is not MessageType.METHOD_CALL or message.member is None:
            return False
        self.calls[message.member] += 1
        for counts, answer in (
            (self.faults.in_progress, Message.new_error(message, _IN_PROGRESS, "Operation already in progress")),
            (self.faults.unanswered, True),
        ):
            if counts[message.member] > 0:
                counts[message.member] -= 1
                return answer
        return self._answer(message)

    def _answer(self, message: Message) -> Answer:
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])
        if message.interface == ADAPTER:
            return self._on_adapter(message)
        known = next((one for path, one in self._known.items() if f"{message.path}/".startswith(f"{path}/")), None)
        if known is None:
            return Message.new_error(message, _UNKNOWN, f"no object {message.path}")
        if message.interface == DEVICE:
            return self._on_device(known, message)
        if message.interface == CHARACTERISTIC:
            return self._on_characteristic(known, message)
        return Message.new_error(message, _UNKNOWN_METHOD, f"no method {message.member}")

    def _on_adapter(self, message: Message) -> Answer:
        adapter = self.adapter
        if adapter is None or message.path != adapter.path:
            return Message.new_error(message, _UNKNOWN, f"no object {message.path}")
        if not adapter.powered:
            return Message.new_error(message, _NOT_READY, "Resource Not Ready")
        if message.member == "SetDiscoveryFilter":
            wanted = message.body[0].get("DuplicateData")
            adapter.duplicates = wanted is not None and bool(wanted.value)
        elif message.member == "StartDiscovery":
            adapter.discovering = True
            for peripheral in tuple(self._there.values()):
                self.advertise(peripheral)
        elif message.member == "StopDiscovery":
            adapter.discovering = False
        else:
            return Message.new_error(message, _UNKNOWN_METHOD, f"no method {message.member}")
        return Message.new_method_return(message)

    def _on_device(self, known: Known, message: Message) -> Answer:
        if message.member == "Connect":
            if known.connecting or known.connected:
                return Message.new_error(message, _IN_PROGRESS, "Operation already in progress")
            if known.peripheral.mac not in self._there:
                known.connecting.append(message)  # BlueZ waits for it to be heard
                return True
            self._connect(known, message)
            return True
        if message.member == "Disconnect":
            waiting, known.connecting = known.connecting, []
            for call in waiting:
                self._send(Message.new_error(call, _FAILED, "Operation canceled"))
            self._break(known)
            return Message.new_method_return(message)
        return Message.new_error(message, _UNKNOWN_METHOD, f"no method {message.member}")

    def _connect(self, known: Known, call: Message) -> None:
        if not known.peripheral.services or self.connections >= self.faults.most_connections:
            self._send(Message.new_error(call, _FAILED, "Connection refused (111)"))
            return
        known.connected = True
        self.connections_at_most = max(self.connections_at_most, self.connections)
        known.peripheral.connected()
        self._changed(known.path, DEVICE, {"Connected": Variant("b", True)})  # noqa: FBT003 - as D-Bus has it
        known.resolve(self.mtu)
        for path, interfaces in known.gatt.items():
            self._added(path, interfaces)
        known.resolved = True
        self._changed(known.path, DEVICE, {"ServicesResolved": Variant("b", True)})  # noqa: FBT003 - as D-Bus has it
        self._send(Message.new_method_return(call))

    def _break(self, known: Known) -> None:
        if not known.connected:
            return
        known.connected = known.resolved = False
        self._changed(known.path, DEVICE, {"ServicesResolved": Variant("b", False)})  # noqa: FBT003 - as D-Bus has it
        for path, interfaces in known.gatt.items():
            self._removed(path, list(interfaces))
        known.gatt, known.values, known.notified = {}, {}, set()
        self._changed(known.path, DEVICE, {"Connected": Variant("b", False)})  # noqa: FBT003 - as D-Bus has it
        known.peripheral.disconnected()

    def _on_characteristic(self, known: Known, message: Message) -> Answer:
        path = str(message.path)
        characteristic = known.values.get(path)
        if characteristic is None:
            return Message.new_error(message, _UNKNOWN, f"no object {path}")
        if message.member == "ReadValue" and characteristic.read is not None:
            return Message.new_method_return(message, "ay", [characteristic.read()])
        if message.member == "WriteValue" and characteristic.write is not None:
            characteristic.write(bytes(message.body[0]))
            return self._written(known, message)
        if message.member == "StartNotify" and {"notify", "indicate"} & set(characteristic.flags):
            known.notified.add(path)
            return Message.new_method_return(message)
        if message.member == "StopNotify":
            known.notified.discard(path)
            return Message.new_method_return(message)
        return Message.new_error(message, _NOT_SUPPORTED, "Operation is not supported")

    def _written(self, known: Known, message: Message) -> Answer:
        faults = self.faults
        if faults.breaks_after_writes is not None:
            faults.breaks_after_writes -= 1
            if faults.breaks_after_writes <= 0:
                faults.breaks_after_writes = None
                self._break(known)
                return Message.new_error(message, _FAILED, "Not connected")
        return Message.new_method_return(message)

    # ---- what it says

    def _objects(self) -> dict[str, object]:
        objects: dict[str, object] = {}
        if self.adapter is not None:
            objects[self.adapter.path] = self.adapter.interfaces
        for known in self._known.values():
            objects |= {known.path: known.interfaces, **known.gatt}
        return objects

    def _added(self, path: str, interfaces: object) -> None:
        self._send(Message.new_signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces]))

    def _removed(self, path: str, interfaces: list[str]) -> None:
        self._send(Message.new_signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, interfaces]))

    def _changed(self, path: str, interface: str, properties: dict[str, Variant]) -> None:
        self._send(Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, properties, []]))

    def _send(self, message: Message) -> None:
        if self._bus is not None and self._bus.connected:
            self._bus.send(message)
