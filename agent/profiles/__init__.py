"""What is known of device models, read from device_profiles/ and checked."""
