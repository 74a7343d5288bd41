"""A ZigBee coordinator and the devices behind it, on bytes of their own making."""
