"""Migrations of telemetry.sqlite."""
