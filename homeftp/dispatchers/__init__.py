"""The verbs, a module for each: a request in, a resolution out. No bytes of the wire, no path."""
