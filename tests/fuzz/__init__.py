"""Fuzzing of the borders where devices speak, guided by what each message reaches: `scripts/fuzz`."""
