"""The jobs of accounts and logins in the pool: one queue for each account, batches, turns, and the check of access."""
