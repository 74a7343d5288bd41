"""Every message that a profile shows is read as the profile says."""

import importlib

import pytest

from agent.profiles.library import load_profiles
from agent.profiles.profile import DeviceProfile, GoldenVector

VECTORS = [
    pytest.param(profile, vector, id=f"{name}-{index}-{vector.message}")
    for name, profile in load_profiles().items()
    for index, vector in enumerate(profile.golden)
]


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_every_message_of_every_profile_is_understood(profile: DeviceProfile, vector: GoldenVector) -> None:
    said = importlib.import_module(f"tests.profiles.decoders.{profile.family}").said(profile, vector)
    assert said.relays == vector.relays
    assert said.unit_on == vector.unit_on
    assert said.power_w == (None if vector.power_w is None else pytest.approx(vector.power_w))
    assert said.energy_wh == vector.energy_wh
    if vector.temperature_c is not None:
        assert said.temperatures_c[vector.sensor] == pytest.approx(vector.temperature_c)
