"""Opening a known server by its name: one object for requests and transfers, which a program closes at the end."""
