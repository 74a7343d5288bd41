"""Prices and weather: the adapters against the simulated servers, over real HTTP on this machine."""
