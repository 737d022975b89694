"""Requests about what was there earlier: VERSIONS, RESTORE and PRUNE."""
