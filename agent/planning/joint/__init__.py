"""The search for loads that are tied together: prices that let them agree, and a dispatch sought for all at once."""
