"""The commands that use a server from another machine."""
