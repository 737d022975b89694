"""Content that has no name in the store yet: temp files and partial uploads."""
