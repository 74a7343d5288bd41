"""Orders to relays: carried out for certain, or known to be uncertain."""
