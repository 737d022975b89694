"""An account's files, asynchronous: what dispatchers and other front ends call (`IFiles`).

Here the blocking calls of a store become jobs of the pool: small ones in batches, large ones piece by piece, and each
change only while access lasts. No module of this package knows a protocol, or where a store keeps its files.
"""
