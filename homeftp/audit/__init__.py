"""The audit log: what is written into it, and where it is kept."""
