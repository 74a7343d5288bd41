"""The command line, from words to exit code."""
