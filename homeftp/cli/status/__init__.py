"""`homeftp status`: this machine's server, and the servers that this machine knows."""
