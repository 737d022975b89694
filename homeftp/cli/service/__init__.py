"""`homeftp service`: letting the system run the server of this machine, or the sync of its saved pairs."""
