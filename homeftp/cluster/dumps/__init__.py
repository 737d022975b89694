"""Dumps of a cluster's database in its bucket: written by its servers, and recovered into an empty database."""
