"""Measurements of the hub, one program each; `scripts/bench` lists and runs them."""
