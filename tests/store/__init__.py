"""The hub's memory: against an oracle, against kill -9, against damaged files."""
