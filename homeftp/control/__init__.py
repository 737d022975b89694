"""How the owner's commands find a running server on this machine, and ask it; and what its scrub has told."""
