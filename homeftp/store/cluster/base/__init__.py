"""Common parts of the cluster store: its values, its tables, and its open objects."""
