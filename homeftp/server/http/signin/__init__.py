"""Signing in by browser: the cookie of a session as credentials, and the calls of the page that sign in and out."""
