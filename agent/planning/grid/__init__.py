"""The house on the step grid: what is switched, what that costs, what follows from it."""
