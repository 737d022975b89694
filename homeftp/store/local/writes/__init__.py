"""Everything that changes the store, one module for each kind of change."""
