"""What the server lists, as a plan sees it."""

from __future__ import annotations

import os
from typing import AsyncIterator
from unittest import mock

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Outcome
from homeftp.client.plan.listing import PACKING, stat_names
from homeftp.client.tables.nametable import NameTable
from homeftp.endpoint import parse
from homeftp.errors import Forbidden, Internal, Refusal, WrongKind
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry, ListingPage
from tests.support.transfers import TransferCase, tree


class RefusedListingTests(TransferCase):
    """Directories that the server cannot read."""

    def setUp(self) -> None:
        super().setUp()
        self.make_remote_file("closed/a", b"there")
        for name in ("lib/closed/a", "lib/open/b"):
            self.make_file(name)

    def push_while(self, refusal: Refusal) -> None:
        """Push to the top of the store, whose directory `closed` cannot be listed."""
        listed = self.client.list

        def refusing(rel_endpoint: str = "", *, recursive: bool = False) -> AsyncIterator[ListingPage]:
            if rel_endpoint == "closed":
                raise refusal
            return listed(rel_endpoint, recursive=recursive)

        with mock.patch.object(self.client, "list", refusing):
            self.push(f"{self.here}/lib/", "", recursive=True)

    def test_push_to_the_top(self) -> None:
        """A push goes on with the other directories; in that one it replaces nothing."""
        self.push_while(Forbidden("the server has no permission for that on closed"))
        self.assertEqual(self.outcomes()["open/b"], Outcome.NEW)
        self.assertEqual(self.outcomes()["closed/a"], Outcome.CONFLICT)
        self.assertEqual(self.remote_files(), {"closed/a": b"there", "open/b": b"content"})

    def test_other_refusal(self) -> None:
        """A directory that cannot be listed for another reason ends the push: what is in it is not known."""
        self.assertRaises(Internal, self.push_while, Internal("the disk has failed"))
        self.assertEqual(self.remote_files(), {"closed/a": b"there"})


class ListingTests(TransferCase):
    """Entries, and those that cannot be fetched."""

    def test_names(self) -> None:
        """Some names are asked for; those that do not exist, and those that cannot, have no entry."""
        for name in ("lib/a", "lib/d/x"):
            self.make_remote_file(name)
        listing = self.run_work(stat_names(self.client, parse("lib"), ["", "a", "d", "d/x", "d/y", "a/b", "d/..", "z"]))
        kinds = {name: entry.kind for name, entry in listing.entries.items()}
        self.assertEqual(kinds, {"": "directory", "a": "file", "d": "directory", "d/x": "file"})
        self.assertEqual({name: entry.name for name, entry in listing.entries.items()}, {name: name for name in kinds})
        self.assertEqual((listing.kind_of("d"), listing.kind_of("z")), ("directory", None))
        os.symlink("a", os.path.join(self.server.root, "lib/link"))
        self.assertRaises(WrongKind, self.run_work, stat_names(self.client, parse("lib"), ["link"]))

    def test_skipped(self) -> None:
        """A link on the server is skipped, with a reason."""
        self.make_remote_file("lib/a")
        os.symlink("a", f"{self.server.root}/lib/link")
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.SKIPPED: 1, Outcome.NEW: 2})
        self.assertEqual(tree(f"{self.here}/out"), {"a": b"content"})

    def test_illegal_name(self) -> None:
        """A name that the wire cannot carry fails, in get and in cmp."""
        self.make_remote_file("lib/a")
        self.make_remote_file("lib/what?")
        os.close(os.open(os.fsencode(f"{self.server.root}/lib/") + b"\xff", os.O_CREAT))
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.FAILED: 2, Outcome.NEW: 2})
        self.assertEqual(self.cmp(f"{self.here}/out", "lib").counts, {Outcome.FAILED: 2, Outcome.SAME: 1})


class PackingTests(SynchronousTestCase):
    """Entries in a table that packs all its rows."""

    def test_entries(self) -> None:
        """Each entry is as it was before."""
        hash = hash_bytes(b"content")
        rows = [
            Entry("a", "file", 2**40, 1, 0o644, hash),
            Entry("b", "file", 7),
            Entry("c", "file", 7, damaged=hash),
            Entry("d", "directory", mtime_us=-1, mode=0o750),
            Entry("e", "file", 7, 2 * 10**6, hash=hash, mtime_span=(2 * 10**6, 4 * 10**6)),
        ]
        named = [structs.replace(row, name=f"{folder}/{row.name}") for folder in "abcd" for row in rows]
        entries = {entry.name: entry for entry in named}
        table = NameTable(PACKING, entries, plain=0, together=1)
        for name, entry in entries.items():
            self.assertIsNot(table[name], entry, "it was packed")
            self.assertEqual(table[name], entry)
