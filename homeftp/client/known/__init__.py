"""Known servers: the list of remotes, pairing and discovery."""
