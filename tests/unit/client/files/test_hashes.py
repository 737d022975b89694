"""The hash cache for local files."""

from __future__ import annotations

import os
import time

from homeftp.client.files.hashes import former_hashes, known_hashes, record_hashes
from homeftp.client.files.model import FileStat
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from tests.support.folders import QuickCase


class HashesTests(QuickCase):
    """Hashes that were recorded are known again."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(f"{self.folder}/x")
        self.cache = HashCache(self.mktemp())
        self.addCleanup(self.cache.close)

    def file(self, name: str, content: bytes = b"content") -> FileStat:
        """A file that was written long ago."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (1, 1))
        return FileStat(name, path, os.stat(path))

    def test_known(self) -> None:
        """By path, for files of several folders; a changed file is not known, nor one that was not recorded."""
        files = [self.file("a"), self.file("x/b"), self.file("c")]
        hashed = filehash.hash_bytes(b"content")
        record_hashes(self.cache, [(file, hashed) for file in files[:2]], time.time_ns())
        self.assertEqual(known_hashes(self.cache, files), {files[0].path: hashed, files[1].path: hashed})
        self.assertEqual(known_hashes(self.cache, [self.file("a", b"another")]), {})

    def test_former(self) -> None:
        """What a file held before it changed is known too."""
        hashed = filehash.hash_bytes(b"content")
        record_hashes(self.cache, [(self.file("x/b"), hashed)], time.time_ns())
        changed = self.file("x/b", b"another")
        self.assertEqual(former_hashes(self.cache, [changed, self.file("a")]), {changed.path: hashed})
        self.assertEqual(former_hashes(None, [changed]), {})

    def test_through_a_link(self) -> None:
        """A folder is known by its real path, however it is reached."""
        file = self.file("x/b")
        record_hashes(self.cache, [(file, filehash.hash_bytes(b"content"))], time.time_ns())
        os.symlink("x", f"{self.folder}/link")
        path = os.path.join(self.folder, "link", "b")
        self.assertEqual(list(known_hashes(self.cache, [FileStat("b", path, file.stat)])), [path])

    def test_no_cache(self) -> None:
        """Without a cache nothing is known or recorded."""
        file = self.file("a")
        record_hashes(None, [(file, filehash.hash_bytes(b"content"))], time.time_ns())
        self.assertEqual(known_hashes(None, [file]), {})
