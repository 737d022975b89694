"""What all parts of the cluster store share: its values, its tables, and what is open."""
