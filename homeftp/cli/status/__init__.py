"""`homeftp status`: this machine's server, the servers that this machine knows, and its synced folders."""
