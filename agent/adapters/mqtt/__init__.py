"""The broker of the house and the families of devices on it."""
