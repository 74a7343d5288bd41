"""Device profiles: what may stand in them, and that what is generated from them is current."""
