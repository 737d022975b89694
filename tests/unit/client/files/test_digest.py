"""The digests of a local folder, held against those of its entries."""

from __future__ import annotations

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.digest import known_digest
from homeftp.client.files.hashes import known_hashes, record_hashes
from homeftp.client.files.scan import scan
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import TreeDigester
from homeftp.model import Entry, TreeDigest


class DigestTests(SynchronousTestCase):
    """`known_digest`."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        for name in ("d/b", "d/b.c", "d-b", "d.x/y", "dé", "z/z/z"):
            path = f"{self.folder}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(name)
            os.chmod(path, 0o640)
            os.utime(path, (1, 1))
        for top, folders, _ in os.walk(self.folder):
            for folder in folders:
                os.chmod(f"{top}/{folder}", 0o750)
        self.cache = HashCache(self.mktemp())
        self.addCleanup(self.cache.close)

    def remember(self) -> None:
        """Record all hashes."""
        tree = scan(self.folder)
        hashed = [(file, hash_bytes(name.encode())) for name, file in tree.files.items()]
        record_hashes(self.cache, hashed, time.time_ns())

    def digest(self, cache: HashCache | None) -> TreeDigest | None:
        """The digest of the folder, from the hashes in a cache."""
        tree = scan(self.folder)
        return known_digest(tree, known_hashes(cache, list(tree.files.values())))

    def test_order(self) -> None:
        """A directory comes before what it holds, and that before the next name, whatever byte follows in it."""
        self.remember()
        digester = TreeDigester()
        for name in ("d", "d/b", "d/b.c", "d-b", "d.x", "d.x/y", "dé", "z", "z/z", "z/z/z"):
            if os.path.isdir(f"{self.folder}/{name}"):
                digester.add(Entry(name, "directory", mode=0o750))
            else:
                data = name.encode()
                digester.add(Entry(name, "file", len(data), 1_000_000, 0o640, hash_bytes(data)))
        self.assertEqual(self.digest(self.cache), digester.finish())

    def test_unknown(self) -> None:
        """None without a cache, and where one hash is not known."""
        self.assertIsNone(self.digest(None))
        self.remember()
        self.assertIsNotNone(self.digest(self.cache))
        with open(f"{self.folder}/d-b", "w") as file:
            file.write("changed")
        self.assertIsNone(self.digest(self.cache))
