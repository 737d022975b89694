"""Hashing files, and the cache of known hashes."""
