"""The broker and the devices on it, against the real mosquitto."""
