"""Changes of the cluster store: each is one transaction, whose rules are those of `homeftp.store.policy`."""
