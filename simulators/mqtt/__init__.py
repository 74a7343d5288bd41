"""A real mosquitto, and Tasmota devices that speak to it."""
