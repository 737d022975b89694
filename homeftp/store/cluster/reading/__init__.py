"""Reading the cluster store: entries, listings and contents, without a transaction of its own."""
