"""`homeftp status`: the status of this machine's server, and of the servers that this machine knows."""
