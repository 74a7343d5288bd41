"""By family: what a golden vector of a profile says, read as the hub reads it."""
