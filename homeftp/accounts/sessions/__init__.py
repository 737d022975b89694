"""Web sessions: how a browser signs in, which makes it a device, how long that lasts, and how it signs out."""
