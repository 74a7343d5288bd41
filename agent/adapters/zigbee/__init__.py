"""The ZigBee coordinator of the home, through zigpy, and the devices on its network."""
