"""From plan to relays (schedule, interlock, executor) and from meters to readings (sampler)."""
