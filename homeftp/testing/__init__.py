"""Public test helpers, for authors of dispatchers, storage backends and front ends.

`call` calls a dispatcher as a server would; `InMemoryPair` is a client and a
server without sockets; `MemoryStore` is a store for tests;
`StoreContract` is the test suite of a storage backend, `ReadOnlyStoreContract` that
of one which cannot be changed.
"""

from homeftp.store.memory import MemoryStore
from homeftp.testing.call import CallResult, call
from homeftp.testing.contract import ReadOnlyStoreContract, StoreContract
from homeftp.testing.pair import InMemoryPair

__all__ = ["CallResult", "InMemoryPair", "MemoryStore", "ReadOnlyStoreContract", "StoreContract", "call"]
