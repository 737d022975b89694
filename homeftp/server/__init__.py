"""The server's side of a connection: bytes, session, answers in order, deadlines. No verb, no disk."""
