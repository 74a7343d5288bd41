"""The messages of Tasmota 14, field by field, as its sources and recorded devices have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

Json = dict[str, object]

WORDS = ("OFF", "ON", "TOGGLE", "HOLD")
PREFIXES = ("cmnd", "stat", "tele")
MAINS_V = 230


@dataclass(frozen=True)
class Identity:
    """What a device is, and how its owner has set it up."""

    mac: str
    """Twelve upper-case hex digits."""
    name: str = "Tasmota"
    model: str = "Generic"
    topic: str = ""
    """Empty for the factory setting, `tasmota_` and the end of the MAC address."""
    full_topic: str = "%prefix%/%topic%/"
    words: tuple[str, str, str, str] = WORDS
    firmware: str = "14.4.1"
    ip: str = "192.168.1.50"
    fahrenheit: bool = False
    sleeps: bool = False

    @property
    def own_topic(self) -> str:
        """The `%topic%` in use."""
        return self.topic or f"tasmota_{self.mac[-6:]}"

    @property
    def hostname(self) -> str:
        """The name in the home's network."""
        return f"{self.own_topic}-{int(self.mac[-4:], 16) % 8192:04d}"

    def full(self, prefix: str, last: str) -> str:
        """A whole topic."""
        path = self.full_topic.replace("%prefix%", prefix).replace("%topic%", self.own_topic)
        path = path.replace("%hostname%", self.hostname).replace("%id%", self.mac[-6:])
        return f"{path.rstrip('/')}/{last}"


def discovery_config(identity: Identity, relays: int, *, shutters: bool = False) -> Json:
    """`tasmota/discovery/<MAC>/config`."""
    kind = 3 if shutters else 1
    return {
        "ip": identity.ip,
        "dn": identity.name,
        "fn": [identity.name if i < max(1, relays) else None for i in range(8)],
        "hn": identity.hostname,
        "mac": identity.mac,
        "md": identity.model,
        "ty": 0,
        "if": 0,
        "ofln": "Offline",
        "onln": "Online",
        "state": list(identity.words),
        "sw": identity.firmware,
        "t": identity.own_topic,
        "ft": identity.full_topic,
        "tp": list(PREFIXES),
        "rl": [kind if i < relays else 0 for i in range(32)],
        "swc": [-1] * 28,
        "swn": [None] * 28,
        "btn": [0] * 32,
        "so": {"4": 0, "11": 0, "13": 0, "17": 0, "20": 0, "30": 0, "68": 0, "73": 0, "82": 0, "114": 0, "117": 0},
        "lk": 0,
        "lt_st": 0,
        "bat": 0,
        "dslp": int(identity.sleeps),
        "sho": [],
        "sht": [],
        "ver": 1,
    }


def power_states(identity: Identity, relays: tuple[bool, ...]) -> Json:
    """`POWER` of a device with one relay, `POWER1` and so on of one with more."""
    return {power_key(index, len(relays)): identity.words[int(on)] for index, on in enumerate(relays, start=1)}


def power_key(channel: int, relays: int) -> str:
    """How a device with so many relays calls one of them."""
    return "POWER" if relays == 1 else f"POWER{channel}"


def state(identity: Identity, at: datetime, uptime: timedelta, connects: int, relays: tuple[bool, ...]) -> Json:
    """`tele/…/STATE`, and the body of STATUS 11."""
    return {
        "Time": stamp(at),
        "Uptime": uptime_text(uptime),
        "UptimeSec": int(uptime.total_seconds()),
        "Heap": 26,
        "SleepMode": "Dynamic",
        "Sleep": 50,
        "LoadAvg": 19,
        "MqttCount": connects,
        **power_states(identity, relays),
        "Wifi": {
            "AP": 1,
            "SSId": "home",
            "BSSId": "10:FE:ED:F1:8A:0D",
            "Channel": 11,
            "Mode": "11n",
            "RSSI": 76,
            "Signal": -62,
            "LinkCount": connects,
            "Downtime": "0T00:00:03",
        },
    }


@dataclass(frozen=True)
class Energy:
    """What a metering chip counts."""

    since: datetime
    power_w: float
    total_wh: float
    today_wh: float
    yesterday_wh: float

    def block(self) -> Json:
        """The ENERGY block: whole W, kWh with three decimals."""
        return {
            "TotalStartTime": stamp(self.since),
            "Total": round(self.total_wh / 1000, 3),
            "Yesterday": round(self.yesterday_wh / 1000, 3),
            "Today": round(self.today_wh / 1000, 3),
            "Power": round(self.power_w),
            "ApparentPower": round(self.power_w),
            "ReactivePower": 0,
            "Factor": 1.0 if self.power_w else 0.0,
            "Voltage": MAINS_V,
            "Current": round(self.power_w / MAINS_V, 3),
        }


def sensors(identity: Identity, at: datetime, energy: Energy | None, temperatures_c: Mapping[str, float]) -> Json:
    """`tele/…/SENSOR`, the body of STATUS 10, and `sn` of discovery."""
    report: Json = {"Time": stamp(at)}
    if energy is not None:
        report["ENERGY"] = energy.block()
    for index, (name, celsius) in enumerate(temperatures_c.items(), start=1):
        degrees = celsius * 1.8 + 32 if identity.fahrenheit else celsius
        report[name] = {"Id": f"01131B{index:06X}", "Temperature": round(degrees, 1)}
    if temperatures_c:
        report["TempUnit"] = "F" if identity.fahrenheit else "C"
    return report


def status(
    identity: Identity, at: datetime, uptime: timedelta, relays: tuple[bool, ...], start: int
) -> dict[str, Json]:
    """What STATUS answers besides 8, 10 and 11, by the kind of its topic."""
    return {
        "STATUS": {"Status": _settings(identity, relays, start)},
        "STATUS1": {"StatusPRM": _parameters(at, uptime)},
        "STATUS2": {"StatusFWR": _firmware(identity)},
        "STATUS5": {"StatusNET": _network(identity)},
    }


def _settings(identity: Identity, relays: tuple[bool, ...], start: int) -> Json:
    return {
        "Module": 0,
        "DeviceName": identity.name,
        "FriendlyName": [identity.name],
        "Topic": identity.own_topic,
        "ButtonTopic": "0",
        "Power": "".join(str(int(on)) for on in reversed(relays)),
        "PowerOnState": start,
        "SaveState": 1,
        "PowerRetain": 0,
    }


def _parameters(at: datetime, uptime: timedelta) -> Json:
    return {
        "Baudrate": 115200,
        "GroupTopic": "tasmotas",
        "RestartReason": "Power On",
        "Uptime": uptime_text(uptime),
        "StartupUTC": stamp(at - uptime),
        "Sleep": 50,
        "BootCount": 1,
    }


def _firmware(identity: Identity) -> Json:
    return {
        "Version": f"{identity.firmware}(tasmota)",
        "BuildDateTime": "2024-12-15T12:00:00",
        "Core": "2_7_7",
        "SDK": "2.2.2-dev(38a443e)",
        "CpuFrequency": 80,
        "Hardware": "ESP8266EX",
    }


def _network(identity: Identity) -> Json:
    return {
        "Hostname": identity.hostname,
        "IPAddress": identity.ip,
        "Gateway": "192.168.1.1",
        "Subnetmask": "255.255.255.0",
        "DNSServer1": "192.168.1.1",
        "Mac": ":".join(identity.mac[i : i + 2] for i in range(0, 12, 2)),
        "Webserver": 2,
        "WifiConfig": 4,
    }


def stamp(at: datetime) -> str:
    """A moment as Tasmota writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def uptime_text(uptime: timedelta) -> str:
    """`0T02:20:27`: days, then hours, minutes, seconds."""
    hours, rest_s = divmod(uptime.seconds, 3600)
    return f"{uptime.days}T{hours:02d}:{rest_s // 60:02d}:{rest_s % 60:02d}"
