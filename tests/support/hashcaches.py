"""A file, and a hash cache that may know it."""

from __future__ import annotations

import os

from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import CachedHash, HashCache
from tests.support.folders import QuickCase

HASH = hash_bytes(b"content")
OTHER = hash_bytes(b"other")
LATER = 10_000_000_000
"""Nanoseconds."""


class HashCacheCase(QuickCase):
    """A file, and a hash cache."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.file = os.path.join(self.folder, "file.txt")
        with open(self.file, "wb") as file:
            file.write(b"content")
        os.utime(self.file, (1_700_000_000, 1_700_000_000))
        self.found = os.stat(self.file)
        self.path = os.path.join(self.folder, "state", "index.sqlite")
        self.cache = self.open()

    def open(self, busy_seconds: float = 2.0) -> HashCache:
        """The cache, closed at the end of the test."""
        cache = HashCache(self.path, busy_seconds=busy_seconds)
        self.addCleanup(cache.close)
        return cache

    def row(self, name: str = "file.txt", *, directory: str = "/d", hash: str = HASH, age: int = LATER) -> CachedHash:
        """A row about the file, hashed `age` nanoseconds after its mtime."""
        return CachedHash(directory, name, self.found, hash, self.found.st_mtime_ns + age)

    def known(self, name: str = "file.txt", directory: str = "/d") -> str | None:
        """What the cache knows of the file."""
        return self.cache.lookup(directory, {name: os.stat(self.file)}).get(name)
