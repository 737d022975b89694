"""Times and modes of files as file systems keep them: learned on a file of our own, set, and compared."""
