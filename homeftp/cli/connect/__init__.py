"""From a command to a connection."""
