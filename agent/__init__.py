"""The hub of a home: it plans the day, switches the loads and keeps what it measured."""
