"""The local backend: a plain folder on a POSIX file system."""
