"""The table of folders: what was recorded is found, and nothing else; without a database nothing is."""

from __future__ import annotations

import os

from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.foldertable import KnownFolder
from homeftp.hashing.hashcache import HashCache
from homeftp.model import TreeDigest
from tests.support.folders import QuickCase


def known(number: int) -> KnownFolder:
    """A folder that differs from those with other numbers."""
    digests = TreeDigest(
        content=hash_bytes(b"c%d" % number),
        full=hash_bytes(b"f%d" % number),
        files=number,
        directories=2 * number,
        size=3 * number,
    )
    return KnownFolder(b"s%d" % number, b"b" * number, digests)


class FolderTableTests(QuickCase):
    """`FolderTable`, in the file of a hash cache."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.cache = self.begin()

    def begin(self) -> HashCache:
        """A cache in the same file."""
        cache = HashCache(self.path)
        self.addCleanup(cache.close)
        return cache

    def test_recorded(self) -> None:
        """What was recorded is found, by another process too; a folder beside it is not."""
        name = os.fsdecode(b"/a/\xff")
        self.cache.folders.record({"/a": known(0), name: known(1)})
        self.cache.folders.record({})
        for cache in (self.cache, self.begin()):
            self.assertEqual([cache.folders.find(path) for path in ("/a", name, "/b")], [known(0), known(1), None])

    def test_replaced(self) -> None:
        """The last row of a folder counts."""
        for number in (1, 2):
            self.cache.folders.record({"/a": known(number)})
        self.assertEqual(self.cache.folders.find("/a"), known(2))

    def test_no_database(self) -> None:
        """Without a database nothing is known, and nothing fails."""
        self.cache.close()
        self.cache.folders.record({"/a": known(1)})
        self.assertIsNone(self.cache.folders.find("/a"))
