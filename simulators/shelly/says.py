"""The answers of a Shelly device of generation 2, field by field, as the vendor's API pages and real devices show."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

Json = dict[str, object]

MAINS_V = 230.0
MAINS_HZ = 50.0


@dataclass(frozen=True)
class Identity:
    """What a device is, and how its owner has set it up."""

    mac: str
    """Twelve upper-case hex digits."""
    product: str = "shellyplus1pm"
    app: str = "Plus1PM"
    model: str = "SNSW-001P16EU"
    generation: int = 2
    name: str | None = None
    firmware: str = "1.4.4"
    locked: bool = False
    """Whether it wants a password."""

    @property
    def id(self) -> str:
        """Its name in the network, and its MQTT prefix where the owner has set no other."""
        return f"{self.product}-{self.mac.lower()}"


PLUS_1 = ("shellyplus1", "Plus1", "SNSW-001X16EU", 2)
PLUS_1PM = ("shellyplus1pm", "Plus1PM", "SNSW-001P16EU", 2)
PLUS_PLUG_S = ("shellyplusplugs", "PlusPlugS", "SNPL-00112EU", 2)
PRO_1PM = ("shellypro1pm", "Pro1PM", "SPSW-201PE16EU", 2)
MINI_1PM_GEN3 = ("shelly1pmminig3", "Mini1PMG3", "S3SW-001P8EU", 3)


@dataclass(frozen=True)
class Relay:
    """One switch component at one moment."""

    on: bool
    source: str
    """Who moved it last."""
    ends: tuple[datetime, float] | None = None
    """When its timer was started, and for how many seconds."""


@dataclass(frozen=True)
class Power:
    """What is measured behind one relay at one moment."""

    power_w: float
    energy_wh: float

    def block(self) -> Json:
        """The fields of a channel that measures."""
        return {
            "apower": round(self.power_w, 1),
            "voltage": MAINS_V,
            "freq": MAINS_HZ,
            "current": round(self.power_w / MAINS_V, 3),
            "pf": 1.0 if self.power_w else 0.0,
        }

    def counter(self, at: datetime) -> Json:
        """Its energy counter: in all, and of the last three whole minutes in mWh."""
        minute_mwh = round(self.power_w / 60 * 1000, 3)
        return {
            "total": round(self.energy_wh, 3),
            "by_minute": [minute_mwh] * 3,
            "minute_ts": int(stamp(at)) // 60 * 60,
        }


def device_info(identity: Identity) -> Json:
    """Shelly.GetDeviceInfo."""
    return {
        "name": identity.name,
        "id": identity.id,
        "mac": identity.mac,
        "slot": 0,
        "model": identity.model,
        "gen": identity.generation,
        "fw_id": f"20241011-114455/{identity.firmware}-g6d2a586",
        "ver": identity.firmware,
        "app": identity.app,
        "auth_en": identity.locked,
        "auth_domain": identity.id if identity.locked else None,
    }


def switch_status(channel: int, relay: Relay, power: Power | None, at: datetime) -> Json:
    """Switch.GetStatus, and `switch:<n>` of Shelly.GetStatus."""
    status: Json = {"id": channel, "source": relay.source, "output": relay.on}
    if relay.ends is not None:
        began_at, duration_s = relay.ends
        status |= {"timer_started_at": stamp(began_at), "timer_duration": duration_s}
    if power is not None:
        status |= {**power.block(), "aenergy": power.counter(at)}
    return {**status, "temperature": {"tC": 41.5, "tF": 106.7}}


def temperature_status(number: int, celsius: float) -> Json:
    """Temperature.GetStatus; a DS18B20 that does not answer has no value."""
    if not -55 <= celsius <= 125:
        return {"id": number, "tC": None, "tF": None, "errors": ["out_of_range"]}
    return {"id": number, "tC": round(celsius, 1), "tF": round(celsius * 1.8 + 32, 1)}


def system_status(identity: Identity, at: datetime, uptime: timedelta) -> Json:
    """Sys.GetStatus."""
    return {
        "mac": identity.mac,
        "restart_required": False,
        "time": at.strftime("%H:%M"),
        "unixtime": int(stamp(at)),
        "uptime": int(uptime.total_seconds()),
        "ram_size": 259000,
        "ram_free": 140000,
        "fs_size": 393216,
        "fs_free": 130000,
        "cfg_rev": 10,
        "kvs_rev": 0,
        "schedule_rev": 0,
        "webhook_rev": 0,
        "available_updates": {},
        "reset_reason": 1,
    }


def surroundings(*, mqtt: bool) -> Json:
    """The components that every device has besides Sys, in Shelly.GetStatus."""
    return {
        "ble": {},
        "cloud": {"connected": False},
        "mqtt": {"connected": mqtt},
        "wifi": {"sta_ip": "192.168.1.60", "status": "got ip", "ssid": "home", "rssi": -58},
        "ws": {"connected": False},
    }


def device_config(identity: Identity, prefix: str) -> Json:
    """The parts of Shelly.GetConfig that every device has."""
    return {
        "ble": {"enable": True, "rpc": {"enable": True}},
        "cloud": {"enable": False, "server": None},
        "mqtt": {
            "enable": True,
            "server": "192.168.1.2:1883",
            "client_id": identity.id,
            "user": None,
            "topic_prefix": prefix,
            "rpc_ntf": True,
            "status_ntf": False,
            "enable_rpc": True,
            "enable_control": True,
        },
        "sys": {
            "device": {
                "name": identity.name,
                "mac": identity.mac,
                "fw_id": f"20241011-114455/{identity.firmware}-g6d2a586",
                "discoverable": True,
                "eco_mode": False,
            },
            "location": {"tz": "Europe/Istanbul", "lat": 41.0, "lon": 29.0},
            "cfg_rev": 10,
        },
        "wifi": {"sta": {"ssid": "home", "enable": True}, "ap": {"enable": False}},
        "ws": {"enable": False, "server": None},
    }


def switch_config(channel: int, settings: Mapping[str, object]) -> Json:
    """Switch.GetConfig."""
    return {"id": channel, "name": None, "in_mode": "momentary", **settings}


def notification(identity: Identity, at: datetime, method: str, params: Mapping[str, object]) -> Json:
    """What a device says by itself."""
    return {"src": identity.id, "method": method, "params": {"ts": stamp(at), **params}}


def challenge(identity: Identity) -> str:
    """The message of error 401: a JSON text within JSON."""
    fields = {"auth_type": "digest", "nonce": 1700000000, "nc": 1, "realm": identity.id, "algorithm": "SHA-256"}
    return json.dumps(fields, separators=(",", ":"))


def stamp(at: datetime) -> float:
    """A moment as the device writes it: Unix seconds with two decimals."""
    return round(at.timestamp(), 2)
