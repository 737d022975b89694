"""Contents that change beneath the file system, as a disk does it that fails silently."""

from __future__ import annotations

import os
import sqlite3

from homeftp.hashing.filehash import signature
from tests.support.stores import StoreCase


def flip(path: str, content: bytes, cache: str) -> None:
    """Give a file another content, and have the hash cache, a database, take its new stat for the one it knew.

    Below the file system nothing changes a ctime, and above it nothing can set it back: the cache is told in its place.
    """
    before = os.stat(path)
    assert before.st_size == len(content), "a disk changes no sizes"
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with sqlite3.connect(cache) as database:
        row = signature(os.stat(path)), signature(before)
        changed = database.execute("UPDATE hashes SET signature = ? WHERE signature = ?", row).rowcount
    database.close()
    assert changed == 1, "the hash was not known: damage could not be told from a change"


class FlipCase(StoreCase):
    """A local store on a disk that fails silently."""

    def flip(self, name: str, content: bytes) -> None:
        """Give a file of the store another content."""
        flip(self.path(name), content, self.cache_path)
