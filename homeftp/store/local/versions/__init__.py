"""Old versions of files: how they are archived, laid out and expired."""
