"""Frozen values that every other room speaks in; they know nothing of the world outside."""
