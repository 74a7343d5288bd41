"""The plain mixed-integer program of the whole house, part by part."""
