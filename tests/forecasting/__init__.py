"""What is not known yet: pure functions and the rules they keep."""
