"""The control socket: how the owner's commands find a running server on this machine, and ask it."""
