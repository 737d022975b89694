"""Mending a file of a local store: from where, and what is left alone."""

from __future__ import annotations

import errno
import os
from unittest import mock

from homeftp.model import MENDER, Change
from homeftp.store.local.store import LocalStore
from tests.support.flips import FlipCase
from tests.support.stores import damages_in, sha


class MenderTests(FlipCase):
    """`Mender`."""

    def mended(self, store: LocalStore) -> list[tuple[str, bool]]:
        """What is found damaged, and whether it is mended."""
        return [(damage.name, damage.mended) for damage in damages_in(store)]

    def test_recorded(self) -> None:
        """The damage is recorded, then the replacement as the server's own; mtime and mode stay."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        self.put(store, "a", b"good", mode=0o640)
        self.put(store, "b", b"good")
        before = os.stat(self.path("a"))
        del changes[:]
        self.flip("a", b"evil")
        self.assertEqual(self.mended(store), [("a", True)])
        self.assertEqual(
            [(each.what, each.actor == MENDER) for each in changes], [("damage", False), ("replace", True)]
        )
        after = os.stat(self.path("a"))
        self.assertEqual((after.st_mtime_ns, after.st_mode), (before.st_mtime_ns, before.st_mode))

    def test_damaged_copy(self) -> None:
        """A copy that is damaged itself is not used, whether that is known or not."""
        store = self.store()
        for name in "abc":
            self.put(store, name, b"good")
        for name in "ab":
            self.flip(name, b"evil")
        self.assertEqual(self.mended(store), [("a", True), ("b", True)])
        self.assertEqual([self.content(name) for name in "abc"], [b"good"] * 3)

    def test_all_copies_damaged(self) -> None:
        """Where all copies are damaged they stay as they are, and marked; one good content mends all of them."""
        store = self.store()
        for name in "ab":
            self.put(store, name, b"good")
            self.flip(name, b"evil")
        self.assertEqual(self.mended(store), [("a", False), ("b", False)])
        self.assertEqual([self.content(name) for name in "ab"], [b"evil"] * 2)
        self.put(store, "c", b"good")
        self.assertEqual(self.mended(store), [("a", True), ("b", True)])

    def test_version_of_unknown_hash(self) -> None:
        """A version of the file whose hash is not known is tried where it has the size."""
        store = self.store()
        self.lay("a", b"good")
        self.put(store, "a", b"else")
        self.put(store, "a", b"good")
        self.flip("a", b"evil")
        for row in self.cache.with_hash(sha(b"good")):
            self.cache.forget(row) if ".homeftp" in row.directory else None
        self.assertEqual(self.mended(store), [("a", True)])
        self.assertEqual(self.content("a"), b"good")

    def test_changed_copy(self) -> None:
        """A copy that somebody has changed since it was hashed is not used."""
        store = self.store()
        for name in "ab":
            self.put(store, name, b"good")
        self.lay("b", b"mine")
        self.flip("a", b"evil")
        self.assertEqual(self.mended(store), [("a", False)])
        self.assertEqual([self.content(name) for name in "ab"], [b"evil", b"mine"])

    def test_disk_full(self) -> None:
        """A disk that takes no copy leaves the file as it is, marked."""
        store = self.store()
        for name in "ab":
            self.put(store, name, b"good" * 1000)
        self.flip("a", b"evil" * 1000)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with mock.patch("homeftp.syscalls.System.write", side_effect=full):
            self.assertEqual(self.mended(store), [("a", False)])
        self.assertEqual(self.content("a"), b"evil" * 1000)
        self.assertEqual([each.name for each in store.damaged()], ["a"])
        self.assertEqual(self.mended(store), [("a", True)], "the control")
