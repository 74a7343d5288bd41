"""What is not known yet, by pure functions: prices, weather between the hours, base load, hot water."""
