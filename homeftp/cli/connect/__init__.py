"""From the operands of a command line to a logged-in connection."""
