"""The folder device_profiles/, read whole and checked: one bad file and none is used."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ValidationError

import agent
from agent.domain.device import Ability, Protocol
from agent.errors import ProfileInvalid
from agent.profiles.profile import Acknowledgement, DeviceProfile, Family, GoldenVector, Match

FOLDER = Path(agent.__file__).parent.parent / "device_profiles"

_TABLES: Mapping[str, type[BaseModel]] = {"match": Match, "acknowledgement": Acknowledgement, "golden": GoldenVector}


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
            raise ProfileInvalid(f"there is no profile {name!r}; {_nearest(name, list(self._profiles))}")
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
        raise ProfileInvalid(
            f"{path} is not usable:\n" + "\n".join(f"  {fault}" for fault in _faults(error))
        ) from error


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        if fault["type"] == "extra_forbidden":
            model = _TABLES.get(str(fault["loc"][0]), DeviceProfile) if len(fault["loc"]) > 1 else DeviceProfile
            yield f"{field}: there is no such key; {_nearest(str(fault['loc'][-1]), list(model.model_fields))}"
        elif fault["type"] == "missing":
            yield f"{field}: is missing"
        else:
            yield f"{field}: {fault['msg'].removeprefix('Value error, ')}"


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
