"""The tables of the cluster store: its SQL is here and in its schema, and nowhere else."""
