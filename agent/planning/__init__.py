"""From a problem to a plan: the physics of the house, the exact program, the thermostat's rule, and who asks whom."""
