"""Content without a name in the store yet: temp files and partial uploads."""
