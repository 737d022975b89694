"""Transferring files over a connection: compare, send, fetch, and reconnect. Which files: see the `plan` package."""
