"""Upkeep of the cluster store: expiry, garbage, and reading everything again."""
