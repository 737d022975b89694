"""Front ends that a server has only where its owner asks for them: the web with all its handlers, and plugins."""
