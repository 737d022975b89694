"""Times and modes of files as file systems keep them, and how they are compared. No system call is made here."""
