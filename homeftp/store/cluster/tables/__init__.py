"""The tables of the cluster store: the only modules with its SQL. Each has the statements about one table."""
