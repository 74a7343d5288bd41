"""The image and its compose file: what can be read in the suite, what must be run by scripts/test-container."""
