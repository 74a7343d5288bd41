"""What Shelly devices of generation 2 and later say, whatever carries it: JSON-RPC, parsed and checked."""
