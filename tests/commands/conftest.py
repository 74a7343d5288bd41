"""The home in which the words of `kwh-hub devices` are tried."""

from tests.commands.living import home

__all__ = ["home"]
