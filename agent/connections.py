"""The owner's settings of what the hub connects to: feeds, broker, radios."""

import stat
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from agent.domain.value import Value
from agent.errors import SettingsInvalid


class Secret(Value):
    """A password, given by the environment or by a file with mode 600."""

    password: SecretStr | None = None
    """Only from the environment: in the file it would be read by whoever reads the file."""
    password_file: Path | None = None

    def reveal(self) -> str:
        """The password, "" if none is set. Raises SettingsInvalid if the file can be read by others."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return ""
        try:
            mode = stat.S_IMODE(self.password_file.stat().st_mode)
            if mode & 0o077:
                raise SettingsInvalid(
                    f"password_file {self.password_file} has mode {mode:03o}: others can read it. "
                    f"Run: chmod 600 {self.password_file}"
                )
            return self.password_file.read_text().strip()
        except OSError as error:
            raise SettingsInvalid(f"password_file {self.password_file} cannot be read: {error.strerror}") from error


class EpiasSettings(Secret):
    """The transparency platform of the market operator. Without a username no prices are fetched."""

    username: str = ""
    login_url: str = "https://giris.epias.com.tr"
    base_url: str = "https://seffaflik.epias.com.tr/electricity-service"
    floor_try_per_mwh: float = 0.0
    cap_try_per_mwh: float = 4500.0
    """Prices outside floor and cap are refused as implausible."""
    timeout_s: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _floor_is_below_cap(self) -> Self:
        if self.floor_try_per_mwh >= self.cap_try_per_mwh:
            raise ValueError(
                f"floor_try_per_mwh {self.floor_try_per_mwh:g} is not below cap_try_per_mwh {self.cap_try_per_mwh:g}: "
                "every price would be refused"
            )
        return self


class WeatherSettings(Value):
    """The weather service. Free use is for homes, not for business; data by Open-Meteo.com, CC BY 4.0."""

    base_url: str = "https://api.open-meteo.com"
    timeout_s: float = Field(default=20.0, gt=0, le=300)


class MqttSettings(Secret):
    """The broker of the house."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, gt=0, lt=65536)
    username: str = ""
    client_id: str = "kwh-hub"
    keepalive_s: int = Field(default=30, gt=0, le=3600)
    tls_ca_file: Path | None = None
    """Set to speak TLS with a broker whose certificate this file vouches for."""


class ZigbeeFirmware(StrEnum):
    """What a ZigBee coordinator speaks."""

    AUTO = "auto"
    ZSTACK = "zstack"
    EZSP = "ezsp"


class ZigbeeSettings(Value):
    """The hub's own ZigBee coordinator, with Z-Stack (Texas Instruments) or EZSP (Silicon Labs)."""

    port: str | None = None
    """Its serial device, best by /dev/serial/by-id/, or socket://HOST:PORT for one on the network. None: none."""
    baudrate: int = Field(default=115_200, ge=9600, le=921_600)
    firmware: ZigbeeFirmware = ZigbeeFirmware.AUTO
    """What the stick speaks; auto finds out, and keeps to it."""


class BleSettings(Value):
    """Bluetooth of the hub's computer, through BlueZ. It is used only where a device needs it."""

    enabled: bool = True
