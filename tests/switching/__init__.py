"""Certain switching."""
