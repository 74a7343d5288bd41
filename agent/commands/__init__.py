"""What `kwh-hub` can be told to do, one file per word."""
