"""One load that nothing ties to others: its limits, its certified bound, and schedules near it."""
