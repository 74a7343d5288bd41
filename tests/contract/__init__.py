"""What every family of devices promises, asked of each in the same words."""
