"""What is read of both sides of a pair."""

from __future__ import annotations

import os

import attrs

from homeftp.client.selection import Selection
from homeftp.client.sync.archive import SyncArchive, SyncPair
from homeftp.client.sync.model import Unsynced, node_of
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.client.sync.trees import BothSides, read_both
from homeftp.client.transfer.model import DAMAGED_COPY
from homeftp.errors import WrongKind
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry
from tests.support.flips import flip
from tests.support.syncs import CONFLICT_COPY, SyncCase
from tests.support.transfers import NEW


class TreesTests(SyncCase):
    """A folder that was synced."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("d/e/x", "d/y", "top"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)

    def read(self, *patterns: str, scope: Scope = WHOLE) -> BothSides:
        local = os.path.realpath(self.ann.path)
        pair = SyncPair(self.client.fingerprint, "ann", "Docs", local)
        reading = read_both(self.client, self.context, self.ann.archive, pair, Selection(patterns), scope=scope)
        return self.run_work(reading)

    def test_scope(self) -> None:
        """Of some names only these are read, with the directories around them; the other files are counted."""
        self.ann.put("d/e/x", b"new")
        self.ann.put("top", b"new, too")
        scope = Scope.of(["d/e/x", "d/missing"])
        both = self.read(scope=scope)
        names = {"d", "d/e", "d/e/x"}
        self.assertEqual((set(both.here.nodes), set(both.there.nodes), set(both.agreed.nodes)), (names, names, names))
        self.assertEqual((both.scope, both.same_files), (scope, 2))
        self.assertEqual(both.here.nodes["d/e/x"].hash, hash_bytes(b"new"))

    def test_scope_same(self) -> None:
        """Of a directory in the scope that is the same nothing is read."""
        both = self.read(scope=Scope.of(["d"]))
        self.assertEqual((set(both.same), set(both.here.nodes), set(both.agreed.nodes)), ({"d", "d/e"}, {"d"}, {"d"}))
        self.assertEqual((both.scope, both.same_files), (Scope.of(["d"]), 3))

    def test_scope_too_small(self) -> None:
        """All is read where a directory around the scope is missing on a side, or was not agreed on."""
        scope = Scope.of(["d/e/x"])
        self.assertEqual(self.read(scope=scope).scope, scope, "the control")
        self.ann.rename("d/e", "d/f")
        self.assertEqual(self.read(scope=scope).scope, WHOLE)
        self.ann.rename("d/f", "d/e")
        there = os.path.join(self.server.root, "Docs/d/e")
        os.rename(there, f"{there}2")
        self.assertEqual(self.read(scope=scope).scope, WHOLE)
        os.rename(f"{there}2", there)
        self.ann.archive = SyncArchive(None)
        self.addCleanup(self.ann.archive.close)
        self.assertEqual(self.read(scope=scope).scope, WHOLE)
        self.context = attrs.evolve(self.context, hash_cache=None)
        self.assertEqual(self.read(scope=scope).scope, WHOLE)

    def test_scope_left_out(self) -> None:
        """What is left out is read in no scope, and is no reason to read all. The control: it is one otherwise."""
        self.ann.put("build/x/y")
        scope = Scope.of(["build/x/y", "d/y"])
        self.assertEqual(self.read(scope=scope).scope, WHOLE)
        self.make_remote_file("Docs/build/x/z")
        both = self.read("build", scope=scope)
        self.assertEqual((both.scope, set(both.here.nodes), set(both.there.nodes)), (scope, {"d"}, {"d"}))
        self.assertEqual((set(both.unchanged), both.same_files), ({"d/y"}, 3))

    def test_same(self) -> None:
        """Of folders that are the same nothing is read, listed or remembered; they have their digests."""
        both = self.read()
        self.assertEqual(set(both.same), {"", "d", "d/e"})
        self.assertEqual((both.here.nodes, both.there.nodes, both.agreed.nodes), ({}, {}, {}))
        self.assertEqual(both.same_files, 3)

    def test_progress(self) -> None:
        """While the server hashes, the caller is informed. The control: it reads nothing of which it knows the hash."""
        observer = self.observer()
        self.sync(self.ann, observer=observer)
        self.assertEqual([size for _, size in self.compared], [0])
        self.make_remote_file("Docs/top", b"new there", mtime=1_600_000_000)
        self.sync(self.ann, observer=self.observer())
        self.assertEqual([size for _, size in self.compared], [9])

    def test_changed(self) -> None:
        """A changed folder is read, with those around it; what is in one that is the same is not."""
        for number in range(300):  # a folder with few files is listed anyway
            self.ann.put(f"many/{number % 10}/{number}")
        self.sync(self.ann)
        self.ann.put("d/y", b"new")
        both = self.read()
        self.assertLess({"many", "many/1", "many/9"}, set(both.same))
        names = {"d", "d/e", "d/y", "many"}
        self.assertEqual((set(both.here.nodes), set(both.there.nodes), set(both.agreed.nodes)), (names, names, names))
        self.assertEqual(both.here.nodes["d/y"].hash, hash_bytes(b"new"))
        self.assertEqual(both.there.nodes["d/y"], both.agreed.nodes["d/y"])
        self.assertEqual(both.here.inodes["d/y"], os.stat(os.path.join(self.ann.path, "d/y")).st_ino)
        self.assertEqual((set(both.unchanged), both.same_files), ({"d/e/x", "top"}, 302))

    def test_unchanged(self) -> None:
        """What both sides have as it was agreed is only counted; not what differs anywhere, nor a conflict's copy."""
        copy = f"d/{CONFLICT_COPY}"
        others = {f"g/{number}" for number in range(8)}
        for name in ("f/x", "f/y", "f/mode", "f/time", "f/there", "f/forgotten", copy, *others):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        pair = SyncPair(self.client.fingerprint, "ann", "Docs", os.path.realpath(self.ann.path))
        self.ann.archive.record(pair, {}, ["f/forgotten"])
        self.ann.put("f/y", b"new")
        os.chmod(os.path.join(self.ann.path, "f/mode"), 0o600)
        self.ann.put("f/time", b"f/time", mtime=NEW + 10)
        self.make_remote_file("Docs/f/there", b"new there")
        self.ann.put("d/y", b"new, too")
        both = self.read()
        self.assertEqual(set(both.unchanged), {"top", "d/e/x", "f/x", *others})
        self.assertEqual(both.same_files, 11)
        changed = {"f/y", "f/mode", "f/time", "f/there", "f/forgotten", copy, "d/y", "d", "d/e", "f", "g"}
        self.assertEqual((set(both.here.nodes), set(both.there.nodes)), (changed, changed))
        self.assertEqual(set(both.agreed.nodes), changed - {"f/forgotten"})

    def test_most_changed(self) -> None:
        """Where most files are changed the others are in the trees, too. The control: where half of them are, not."""
        self.ann.put("other")
        self.sync(self.ann)
        for name, count in (("d/e/x", 3), ("d/y", 2), ("top", 0)):
            self.ann.put(name, b"new")
            both = self.read()
            self.assertEqual(len(set(both.unchanged)), count)
            files = {each for each, node in both.here.nodes.items() if node.kind == "file"}
            self.assertEqual((len(files), both.same_files), (4 - count, count))

    def test_unchanged_beneath(self) -> None:
        """In a directory that was not agreed on no file is unchanged: what becomes of it may depend on all in it."""
        pair = SyncPair(self.client.fingerprint, "ann", "Docs", os.path.realpath(self.ann.path))
        self.ann.put("top", b"new")
        self.assertEqual(set(self.read().unchanged), {"d/e/x", "d/y"}, "the control")
        self.ann.archive.record(pair, {}, ["d"])
        both = self.read()
        self.assertEqual((set(both.unchanged), both.same_files), (set(), 0))
        self.assertEqual(set(both.here.nodes), {"top", "d", "d/y", "d/e", "d/e/x"})

    def test_not_read(self) -> None:
        """A file that only one side has is not read to be compared. The control: one that may have been renamed is."""
        self.ann.put("new", b"of another size")
        self.assertIsNone(self.read().here.nodes["new"].hash)
        self.ann.rename("top", "renamed")
        self.assertEqual(self.read().here.nodes["renamed"].hash, hash_bytes(b"top"))

    def test_opaque(self) -> None:
        """Links, files that cannot be read, and files that the server has not kept are opaque."""
        os.symlink("y", os.path.join(self.ann.path, "link"))
        flip(os.path.join(self.server.root, "Docs/top"), b"pot", os.path.join(self.server.folder, "index.sqlite"))

        async def verify() -> None:
            async for _ in self.client.verify("Docs"):
                pass

        self.run_work(verify())
        both = self.read()
        self.assertEqual(dict(both.here.opaque), {"link": Unsynced("is a symbolic link", False)})
        self.assertEqual(dict(both.there.opaque), {"top": Unsynced(DAMAGED_COPY, True)})

    def test_selection(self) -> None:
        """What is left out on one side is left out on both."""
        self.make_remote_file("Docs/a.tmp", b"there")
        self.ann.put("b.tmp", b"here")
        both = self.read("*.tmp")
        self.assertEqual({name for name in (*both.here.nodes, *both.there.nodes) if ".tmp" in name}, set())
        self.assertIn("b.tmp", self.read().here.nodes)

    def test_a_file(self) -> None:
        """A file on the server is no side of a pair."""
        pair = SyncPair(self.client.fingerprint, "ann", "Docs/top", os.path.realpath(self.ann.path))
        reading = read_both(self.client, self.context, self.ann.archive, pair, Selection())
        self.assertRaises(WrongKind, self.run_work, reading)

    def test_node(self) -> None:
        """A directory of the server has no content and no time."""
        self.assertEqual(node_of(Entry("d", "directory", 0, 5, 0o755)).metadata, (None, 0o755))
        self.assertEqual(node_of(Entry("f", "file", 1, 5, 0o644, "h")), ("file", "h", 1, 5, 0o644))
