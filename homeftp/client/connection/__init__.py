"""One connection of the client."""
