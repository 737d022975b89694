"""What file systems keep of the times and modes of files: learned on a file of our own, set, and compared."""
