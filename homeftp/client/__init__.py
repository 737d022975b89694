"""The client: the library for Twisted programs, and what the command line is made of."""
