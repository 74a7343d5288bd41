"""What a Shelly device of generation 2 answers, whatever carries it."""
