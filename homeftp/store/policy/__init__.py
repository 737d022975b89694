"""Rules that hold for every storage backend."""
