"""Whole days of the unmodified hub on virtual time."""
