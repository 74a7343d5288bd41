"""org.bluez on a private bus, and Bluetooth devices within its reach."""
