"""The digests of a local folder, held against those of its entries."""

from __future__ import annotations

import os
import time

from homeftp.client.files.digest import LocalDigests, local_digests
from homeftp.client.files.hashes import record_hashes
from homeftp.client.files.scan import scan
from homeftp.client.selection import Selection
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import TreeDigester
from homeftp.model import Entry
from tests.support.folders import QuickCase


class DigestTests(QuickCase):
    """`local_digests`."""

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

    def digests(self) -> LocalDigests:
        """The digests of the folder, from the hashes in the cache."""
        return local_digests(scan(self.folder), self.cache)

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
        self.assertEqual(self.digests().digests[""], digester.digest())

    def test_each(self) -> None:
        """Each folder has the digests that it has as a top; the hashes and the folders in each are told, too."""
        self.remember()
        found = self.digests()
        self.assertEqual(set(found.digests), {"", "d", "d.x", "z", "z/z"})
        for name in found.digests:
            self.assertEqual(found.digests[name], local_digests(scan(f"{self.folder}/{name}"), self.cache).digests[""])
        self.assertEqual(found.hashes, {name: hash_bytes(name.encode()) for name in scan(self.folder).files})
        self.assertEqual(
            {name: set(below) for name, below in found.below.items()}, {"": {"d", "d.x", "z"}, "z": {"z/z"}}
        )
        self.assertEqual((found.incomplete, found.unknown), (set(), 0))

    def test_no_hashes(self) -> None:
        """Where hashes are not to be kept the digests are the same."""
        self.remember()
        found = local_digests(scan(self.folder), self.cache, keeps_hashes=False)
        self.assertEqual((found.digests, len(found.hashes)), (self.digests().digests, 0))

    def test_unknown(self) -> None:
        """A folder with a file whose hash is not remembered is incomplete, and so are those around it, but no other."""
        nothing = self.digests()
        self.assertEqual((nothing.incomplete, nothing.unknown), (set(nothing.digests), 6))
        self.remember()
        before = self.digests()
        with open(f"{self.folder}/z/z/z", "w") as file:
            file.write("changed")
        found = self.digests()
        self.assertEqual((found.incomplete, found.unknown), ({"", "z", "z/z"}, 1))
        same = {name for name, digest in found.digests.items() if digest == before.digests[name]}
        self.assertEqual(same, {"d", "d.x"})

    def test_spelling(self) -> None:
        """The hashes of a folder and a file with other names here than on the wire are found, too."""
        with open(f"{self.folder}/z/what?", "w") as file:
            file.write("z/what?")
        os.makedirs(f"{self.folder}/2019: Rome")
        with open(f"{self.folder}/2019: Rome/a", "w") as file:
            file.write("a")
        for name in ("z/what?", "2019: Rome/a"):
            os.utime(f"{self.folder}/{name}", (1, 1))
        tree = scan(self.folder)
        record_hashes(self.cache, [(file, hash_bytes(b"x")) for file in tree.files.values()], time.time_ns())
        self.assertEqual(local_digests(tree, self.cache).unknown, 0)

    def test_links(self) -> None:
        """What is in a folder that a link leads to is found; a folder with links to files is incomplete."""
        for name in ("one", "two"):
            os.symlink(os.path.abspath(f"{self.folder}/d.x"), f"{self.folder}/z/{name}")
        followed = Selection(follow_links=True)
        tree = scan(self.folder, followed)
        record_hashes(self.cache, [(file, hash_bytes(b"x")) for file in tree.files.values()], time.time_ns())
        self.assertEqual(local_digests(tree, self.cache).incomplete, set())
        target = os.path.abspath(next(file.path for name, file in tree.files.items() if name.startswith("d.x/")))
        for name in ("one", "two"):
            os.symlink(target, f"{self.folder}/d/{name}")
        found = local_digests(scan(self.folder, followed), self.cache)
        self.assertEqual((found.incomplete, found.unknown), ({"", "d"}, 2))
