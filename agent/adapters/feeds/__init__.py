"""Prices and weather over HTTP."""
