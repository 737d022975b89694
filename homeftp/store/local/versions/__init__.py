"""Old versions of files: where they lie, how they are archived, found, evicted and expired."""
