"""Each room here knows one outside system and its one library, and translates both into the values of the hub."""
