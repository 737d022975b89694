"""The content that this machine saw last on servers: a push replaces nothing else without a question."""
