"""The folder device_profiles/, read whole and checked: one bad file and none is used."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

import agent
from agent.domain.device import Ability, Protocol
from agent.domain.refusal import faults, nearest
from agent.errors import ProfileInvalid
from agent.profiles.profile import DeviceProfile, Family

FOLDER = Path(agent.__file__).parent.parent / "device_profiles"


class Profiles(Mapping[str, DeviceProfile]):
    """Every known profile by its name, which is the name of its file."""

    def __init__(self, profiles: Mapping[str, DeviceProfile]) -> None:
        self._profiles = MappingProxyType(dict(sorted(profiles.items())))

    def __getitem__(self, name: str) -> DeviceProfile:
        return self._profiles[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def named(self, name: str) -> DeviceProfile:
        """The profile of that name. Raises ProfileInvalid with the nearest name there is."""
        if name not in self._profiles:
            raise ProfileInvalid(f"there is no profile {name!r}; {nearest(name, self._profiles)}")
        return self._profiles[name]

    def fitting(self, protocol: Protocol, family: Family, model: str, shows: frozenset[Ability]) -> str | None:
        """The profile that fits a device which calls itself `model` and shows these abilities; None if none does.

        A profile of that very model comes first, then the one for any model that uses most of what the device shows.
        """
        fitting = [
            (bool(profile.match.models), len(profile.abilities), name)
            for name, profile in self._profiles.items()
            if (profile.protocol, profile.family) == (protocol, family)
            and profile.abilities <= shows
            and not profile.match.by_owner_only
            and (not profile.match.models or model in profile.match.models)
        ]
        return max(fitting)[2] if fitting else None


def load_profiles(folder: Path = FOLDER) -> Profiles:
    """Read every profile. Raises ProfileInvalid with the file and each of its faults."""
    paths = sorted(folder.glob("*/*.toml"))
    if not paths:
        raise ProfileInvalid(f"no device profiles in {folder}")
    profiles = {path.stem: read_profile(path) for path in paths}
    if len(profiles) < len(paths):
        raise ProfileInvalid(f"two profiles in {folder} have the same file name")
    return Profiles(profiles)


def read_profile(path: Path) -> DeviceProfile:
    """Read one profile. Raises ProfileInvalid with each of its faults."""
    try:
        return DeviceProfile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileInvalid(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileInvalid(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise ProfileInvalid(f"{path} is not usable:\n{faults(error, DeviceProfile)}") from error
