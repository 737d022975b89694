"""The servers that this machine knows: stored remotes, pairing with a new one, finding them in the network."""
