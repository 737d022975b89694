"""The asynchronous facade over an account's store."""
