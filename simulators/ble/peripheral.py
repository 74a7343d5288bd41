"""A Bluetooth device as BlueZ sees it: what it says in the air, and what can be read and written over a connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.faults import Faults


@dataclass(frozen=True)
class Advertisement:
    """What is in the air."""

    name: str | None = None
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Characteristic:
    """One value of a service. `read` gives what the device has ready, `write` takes what arrives."""

    uuid: str
    flags: tuple[str, ...]
    read: Callable[[], bytes] | None = None
    write: Callable[[bytes], None] | None = None


@dataclass(frozen=True)
class Service:
    """Characteristics that belong together."""

    uuid: str
    characteristics: tuple[Characteristic, ...]


class Peripheral(Protocol):
    """What the air and BlueZ ask of a device."""

    mac: str
    """Six bytes as hex with colons."""
    faults: Faults

    @property
    def advertisement(self) -> Advertisement:
        """What it would say now."""

    @property
    def services(self) -> tuple[Service, ...]:
        """What it has to offer once it is connected; nothing if it cannot be connected."""

    def connected(self) -> None:
        """Somebody has connected."""

    def disconnected(self) -> None:
        """The connection is gone."""


class Air(Protocol):
    """Where devices speak."""

    def arrive(self, peripheral: Peripheral) -> None:
        """The device is there: it may be heard and connected."""

    def vanish(self, peripheral: Peripheral) -> None:
        """The device is gone, and with it its connection."""

    def advertise(self, peripheral: Peripheral) -> None:
        """The device says what it has to say."""

    def notify(self, peripheral: Peripheral, uuid: str, value: bytes) -> None:
        """The device sends the value of a characteristic to who has asked for it."""

    def drop(self, peripheral: Peripheral) -> None:
        """The connection breaks."""
