"""What a machine remembers of the pairs that it syncs."""

from __future__ import annotations

import os
import stat
import time

from twisted.trial import unittest

from homeftp.client.files.digest import local_digests
from homeftp.client.files.hashes import record_hashes
from homeftp.client.files.scan import scan
from homeftp.client.sync.archive import SyncArchive, SyncPair
from homeftp.client.sync.model import SyncNode
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache

PAIR = SyncPair("fingerprint", "ann", "Docs", "/home/ann/Docs")
OTHER = PAIR._replace(local="/home/ann/Other")
DIRECTORY = SyncNode("directory", mode=0o755)


def file(content: bytes) -> SyncNode:
    """A file with this content."""
    return SyncNode("file", hash_bytes(content), len(content), 1_700_000_000_123_456, 0o640)


TREE = {"a": DIRECTORY, "a/b": DIRECTORY, "a/b/x": file(b"x"), "a/y": file(b"y"), "ab": file(b"z"), "a0": file(b"0")}


class ArchiveTests(unittest.SynchronousTestCase):
    """An archive in a file."""

    def setUp(self) -> None:
        self.path = os.path.join(self.mktemp(), "sync.sqlite")
        self.archive = SyncArchive(self.path)
        self.addCleanup(lambda: self.archive.close())
        for pair in (PAIR, OTHER):
            self.assertTrue(self.archive.begin(pair, "marker"))

    def test_agreed(self) -> None:
        """What was recorded is read again by another process, for its pair alone; what is gone is not."""
        self.archive.record(PAIR, TREE, inodes={"a": 7})
        self.archive.record(PAIR, {"ab": file(b"new")}, ["a0"])
        self.archive.close()
        self.archive = SyncArchive(self.path)
        found = self.archive.read(PAIR)
        expected = {name: node for name, node in TREE.items() if name != "a0"} | {"ab": file(b"new")}
        self.assertEqual((dict(found.nodes), found.inodes), (expected, {"a": 7}))
        self.assertEqual(self.archive.read(OTHER).nodes, {})

    def test_private(self) -> None:
        """Only this user may read it."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_marker(self) -> None:
        """A pair has a marker as soon as a sync of it begins, until it is forgotten with all that was agreed."""
        self.assertEqual(self.archive.marker(PAIR), "marker")
        self.archive.begin(PAIR, "marker 2")
        self.archive.record(PAIR, TREE)
        self.assertEqual((self.archive.marker(PAIR), self.archive.marker(OTHER)), ("marker 2", "marker"))
        self.archive.forget(PAIR)
        self.assertIsNone(self.archive.marker(PAIR))
        self.archive.begin(PAIR, "marker")
        self.assertEqual(self.archive.read(PAIR).nodes, {})

    def test_move(self) -> None:
        """What was agreed at and beneath a name moves with it, and nothing that only begins alike."""
        self.archive.record(PAIR, TREE, inodes={"a/b/x": 9})
        self.archive.move(PAIR, "a", "q/r")
        found = self.archive.read(PAIR)
        expected = {("q/r" + name[1:] if name == "a" or name.startswith("a/") else name): TREE[name] for name in TREE}
        self.assertEqual((dict(found.nodes), found.inodes), (expected, {"q/r/b/x": 9}))
        self.archive.move(PAIR, "ab", "q/r/b/x")
        self.assertEqual(self.archive.read(PAIR).nodes["q/r/b/x"], file(b"z"))

    def test_parts(self) -> None:
        """Of some names what is agreed at and beneath them is read, and of the directories around them."""
        self.archive.record(PAIR, TREE, inodes={"a/b/x": 9, "a/y": 8})
        for parts, names in (
            (["a/b"], {"a", "a/b", "a/b/x"}),
            (["a/b/x", "ab"], {"a", "a/b", "a/b/x", "ab"}),
            (["a"], {"a", "a/b", "a/b/x", "a/y"}),
            (["missing/x", "a0"], {"a0"}),
            ([""], set(TREE)),
            ([], set()),
        ):
            self.assertEqual(set(self.archive.read(PAIR, parts=parts).nodes), names, parts)
        self.assertEqual(self.archive.read(PAIR, parts=["a/b"]).inodes, {"a/b/x": 9})
        self.assertEqual(set(self.archive.read(PAIR, ["a/b"], ["a"]).nodes), {"a", "a/b", "a/y"})
        self.assertEqual((self.archive.count_files(PAIR), self.archive.count_files(OTHER)), (4, 0))

    def test_folders(self) -> None:
        """A folder is recorded as a whole, with a digest that holds until something in or beneath it is recorded."""
        self.archive.record(PAIR, TREE)
        self.archive.record_folder(PAIR, "a", {"a/b": DIRECTORY, "a/new": file(b"n")}, {"a/new": 5})
        digests = {folder: hash_bytes(folder.encode()) for folder in ("", "a", "a/b", "c")}
        self.archive.record_digests(PAIR, digests)
        self.assertEqual(self.archive.digests(PAIR), digests)
        self.assertEqual(set(self.archive.read(PAIR).nodes), (set(TREE) - {"a/y"}) | {"a/new"})
        self.assertEqual(set(self.archive.read(PAIR, ["", "a"]).nodes), {"a/b/x"})
        self.archive.record(PAIR, {"a/b/x": file(b"other")})
        self.assertEqual(set(self.archive.digests(PAIR)), {"c"})
        self.archive.record_digests(PAIR, digests)
        self.archive.record(PAIR, {}, ["a/new"])
        self.assertEqual(set(self.archive.digests(PAIR)), {"a/b", "c"})
        self.archive.move(PAIR, "a", "d")
        self.assertEqual(self.archive.digests(PAIR), {})

    def test_remember_folders(self) -> None:
        """Digests are computed from what is agreed, as a client computes those of the same folder here."""
        folder, cache = self.mktemp(), HashCache(None)
        for name, node in TREE.items():
            path = os.path.join(folder, name)
            if node.kind == "directory":
                os.makedirs(path)
        agreed = {name: node for name, node in TREE.items() if node.kind == "directory"} | {"e": DIRECTORY}
        os.mkdir(os.path.join(folder, "e"))
        for name in agreed:
            os.chmod(os.path.join(folder, name), 0o755)
        for name in ("a/b/x", "a/y", "ab", "a0", "a.c"):
            path = os.path.join(folder, name)
            with open(path, "wb") as written:
                written.write(name.encode())
            os.chmod(path, 0o640)
            os.utime(path, (1_700_000_000, 1_700_000_000))
            agreed[name] = SyncNode("file", hash_bytes(name.encode()), len(name), 1_700_000_000_000_000, 0o640)
        tree = scan(folder)
        record_hashes(cache, [(each, hash_bytes(each.name.encode())) for each in tree.files.values()], time.time_ns())
        expected = {name: each.full for name, each in local_digests(tree, cache).digests.items()}
        self.archive.record(PAIR, agreed)
        self.archive.remember_folders(PAIR)
        self.assertEqual(self.archive.digests(PAIR), {name: expected[name] for name in ("", "a", "a/b")})
        self.assertEqual(self.archive.digests(OTHER), {})

    def test_inodes(self) -> None:
        """Inodes are recorded of what is agreed, and of nothing else; what is known of folders holds."""
        self.archive.record(PAIR, TREE, inodes={"a": 7})
        self.archive.remember_folders(PAIR)
        digests = self.archive.digests(PAIR)
        self.archive.record_inodes(PAIR, [("a", 8), ("a/b/x", 9), ("none", 10)])
        found = self.archive.read(PAIR)
        self.assertEqual((dict(found.nodes), found.inodes), (TREE, {"a": 8, "a/b/x": 9}))
        self.assertEqual(self.archive.digests(PAIR), digests)

    def test_damaged(self) -> None:
        """A damaged file is replaced, and nothing is known then: what is on either side is kept."""
        self.archive.record(PAIR, TREE)
        self.archive.close()
        with open(self.path, "wb") as damaged:
            damaged.write(b"no database" * 1000)
        self.archive = SyncArchive(self.path)
        self.assertIsNone(self.archive.marker(PAIR))
        self.assertTrue(self.archive.begin(PAIR, "marker"))
        self.assertEqual(self.archive.read(PAIR).nodes, {})

    def test_closed(self) -> None:
        """After it was closed nothing is known."""
        self.archive.close()
        self.archive.record(PAIR, TREE)
        self.assertEqual(self.archive.read(PAIR).nodes, {})
        self.assertFalse(self.archive.begin(PAIR, "marker"))

    def test_facts(self) -> None:
        """What the server said is remembered for its pair alone, until the pair is forgotten."""
        self.assertEqual(self.archive.facts(PAIR), {})
        for field, value in (("view", "one"), ("share", "it"), ("view", "two")):
            self.archive.record_fact(PAIR, field, value)
        self.assertEqual((self.archive.facts(PAIR), self.archive.facts(OTHER)), ({"view": "two", "share": "it"}, {}))
        self.archive.forget(PAIR)
        self.archive.begin(PAIR, "marker")
        self.assertEqual(self.archive.facts(PAIR), {})
