"""The operations that change a local store: one module each."""
