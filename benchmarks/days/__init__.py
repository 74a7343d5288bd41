"""Days that are measured on."""
