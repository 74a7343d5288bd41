"""The hub's memory: two SQLite files, the ledger that loses nothing and the telemetry that costs little."""
