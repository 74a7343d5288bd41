"""Bluetooth devices of the home, through bleak."""
