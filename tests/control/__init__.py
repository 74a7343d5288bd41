"""Schedule, interlock, executor and sampler."""
