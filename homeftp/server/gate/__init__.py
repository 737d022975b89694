"""Common parts of all front ends: connection caps, revocation."""
