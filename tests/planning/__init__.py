"""The planning room: physics, rule, program, proof, and the process that holds them."""
