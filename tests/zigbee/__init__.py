"""ZigBee: over real bytes."""
