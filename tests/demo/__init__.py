"""The day that is shown to a newcomer."""
