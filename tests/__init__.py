"""Facts about the hub, each named."""
