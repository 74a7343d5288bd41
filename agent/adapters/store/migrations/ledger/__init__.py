"""Migrations of ledger.sqlite."""
