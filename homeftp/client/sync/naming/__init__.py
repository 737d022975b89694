"""The names in a sync: of copies and of what was renamed, and names that clash. No input and no output."""
