"""The HTTPS front end in a process of its own, with real clients, faults and attacks."""
