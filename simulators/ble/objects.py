"""The objects that BlueZ shows on D-Bus: adapter, devices, services and characteristics with their properties.

Source: the pages org.bluez.Adapter, Device, GattService and GattCharacteristic of BlueZ 5.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbus_fast import Message, Variant

from simulators.ble.peripheral import Advertisement, Characteristic, Peripheral

ROOT = "/org/bluez"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"

Properties = dict[str, Variant]
Interfaces = dict[str, Properties]


@dataclass
class Adapter:
    """The home's Bluetooth radio."""

    name: str = "hci0"
    powered: bool = True
    roles: tuple[str, ...] = ("central", "peripheral")
    discovering: bool = False
    duplicates: bool = False
    """Whether who listens wants to hear the same again."""

    @property
    def path(self) -> str:
        """Where it is on the bus."""
        return f"{ROOT}/{self.name}"

    @property
    def interfaces(self) -> Interfaces:
        """All that it says of itself."""
        return {
            ADAPTER: {
                "Address": Variant("s", "00:1A:7D:DA:71:13"),
                "AddressType": Variant("s", "public"),
                "Name": Variant("s", "home"),
                "Alias": Variant("s", "home"),
                "Powered": Variant("b", self.powered),
                "Discovering": Variant("b", self.discovering),
                "Roles": Variant("as", list(self.roles)),
                "UUIDs": Variant("as", []),
            }
        }


@dataclass
class Known:
    """A device that BlueZ has heard."""

    peripheral: Peripheral
    adapter: str
    heard: Advertisement
    rssi: int = -60
    connected: bool = False
    resolved: bool = False
    notified: set[str] = field(default_factory=set)
    """Characteristics that somebody listens to, by path."""
    connecting: list[Message] = field(default_factory=list)
    """Calls that wait until it is there."""
    values: dict[str, Characteristic] = field(default_factory=dict)
    """Characteristics by path, while it is connected."""
    gatt: dict[str, Interfaces] = field(default_factory=dict)
    """Services and characteristics by path, while it is connected."""

    @property
    def path(self) -> str:
        """Where it is on the bus."""
        return device_path(self.adapter, self.peripheral.mac)

    @property
    def interfaces(self) -> Interfaces:
        """All that BlueZ says of it."""
        mac = self.peripheral.mac
        properties = {
            "Address": Variant("s", mac),
            "AddressType": Variant("s", "public"),
            "Alias": Variant("s", self.heard.name or mac.replace(":", "-")),
            "Adapter": Variant("o", self.adapter),
            "Paired": Variant("b", False),  # noqa: FBT003 - as D-Bus has it
            "Connected": Variant("b", self.connected),
            "ServicesResolved": Variant("b", self.resolved),
            "UUIDs": Variant("as", list(self.heard.services)),
            "RSSI": Variant("n", self.rssi),
            **said(self.heard),
        }
        if self.heard.name is not None:
            properties["Name"] = Variant("s", self.heard.name)
        return {DEVICE: properties}

    def resolve(self, mtu: int) -> None:
        """Lay its services out on the bus: the handle is the end of the path, as four hex digits."""
        handle = 0
        for service in self.peripheral.services:
            handle += 1
            service_path = f"{self.path}/service{handle:04x}"
            self.gatt[service_path] = {
                SERVICE: {
                    "UUID": Variant("s", service.uuid),
                    "Device": Variant("o", self.path),
                    "Primary": Variant("b", True),  # noqa: FBT003 - as D-Bus has it
                    "Includes": Variant("ao", []),
                }
            }
            for characteristic in service.characteristics:
                handle += 2
                path = f"{service_path}/char{handle - 1:04x}"
                self.values[path] = characteristic
                self.gatt[path] = {
                    CHARACTERISTIC: {
                        "UUID": Variant("s", characteristic.uuid),
                        "Service": Variant("o", service_path),
                        "Flags": Variant("as", list(characteristic.flags)),
                        "Notifying": Variant("b", False),  # noqa: FBT003 - as D-Bus has it
                        "MTU": Variant("q", mtu),
                    }
                }

    def paths_of(self, uuid: str) -> Iterator[str]:
        """Where a characteristic is on the bus."""
        return (path for path, characteristic in self.values.items() if characteristic.uuid == uuid)


def device_path(adapter: str, mac: str) -> str:
    """Where BlueZ keeps a device."""
    return f"{adapter}/dev_{mac.replace(':', '_')}"


def said(heard: Advertisement) -> Properties:
    """What an advertisement becomes on the bus."""
    properties = {}
    if heard.manufacturer_data:
        data = {key: Variant("ay", value) for key, value in heard.manufacturer_data.items()}
        properties["ManufacturerData"] = Variant("a{qv}", data)
    if heard.service_data:
        values = {key: Variant("ay", value) for key, value in heard.service_data.items()}
        properties["ServiceData"] = Variant("a{sv}", values)
    return properties
