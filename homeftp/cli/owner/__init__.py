"""The commands for the owner of a server, which run on the server's machine."""
