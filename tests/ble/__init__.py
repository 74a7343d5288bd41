"""Bluetooth: over a real bus."""
