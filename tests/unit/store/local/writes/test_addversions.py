"""Versions are added durably or not at all, and none takes the place of another."""

from __future__ import annotations

import errno
import os
from unittest import mock

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Changed, NoSpace
from homeftp.hashing.filehash import hash_bytes
from tests.support.storecases import VersionsCase
from tests.unit.store.local.test_importing import item

AT_US = 86_400_000_005


class AddVersionsTests(VersionsCase):
    """An empty folder."""

    def test_taken(self) -> None:
        """Of two versions of one time the second is refused, and the first stays; nothing is left behind."""
        store = self.store()
        first, second = store.add_many([item("a", b"1", at_us=AT_US), item("a", b"2", at_us=AT_US)])
        self.assertIs(first, True)
        self.assertIsInstance(second, Changed)
        self.assertEqual((self.contents(), self.left()), ([b"1"], []))

    def test_limit(self) -> None:
        """A version that is larger than all may be together is refused."""
        store = self.store(retention=Retention(percent=None, size=10_000))
        small, large = store.add_many([item("a", b"1", at_us=AT_US), item("b", bytes(20_000), at_us=AT_US)])
        self.assertIs(small, True)
        self.assertIsInstance(large, NoSpace)
        self.assertEqual((self.contents(), self.left()), ([b"1"], []))

    def test_full(self) -> None:
        """A disk that is full refuses what does not fit, and nothing is left of it."""
        store = self.store()
        with mock.patch.object(os, "write", side_effect=OSError(errno.ENOSPC, "full")):
            (result,) = store.add_many([item("a", b"1", at_us=AT_US)])
        self.assertIsInstance(result, NoSpace)
        self.assertEqual((self.contents(), self.left()), ([], []))
        self.assertEqual(store.add_many([item("a", b"1", at_us=AT_US)]), [True], "the control")

    def test_undurable(self) -> None:
        """Where the names cannot be made durable, no version of the batch counts as added; run again, all do."""
        items = [item("d/a", b"1", at_us=AT_US), item("d/b", b"2", at_us=AT_US)]
        store = self.store()
        with mock.patch.object(os, "fsync", side_effect=OSError(errno.EIO, "lost")):
            results = store.add_many(items)
        self.assertTrue(all(isinstance(each, Exception) for each in results), results)
        self.assertNotIn(True, results)
        again = store.add_many(items)
        self.assertFalse([each for each in again if isinstance(each, Exception)])
        self.assertEqual(self.contents(), [b"1", b"2"])

    def test_readable(self) -> None:
        """It is listed, read and put back as any other version."""
        store = self.store()
        self.assertEqual(store.add_many([item("d/a", b"old", at_us=AT_US)]), [True])
        (kept,) = self.versions(store, "d/a")
        self.assertEqual((kept.at_us, kept.hash), (AT_US, hash_bytes(b"old")))
        history = store.history()
        assert history is not None
        self.assertEqual(history.open_version(parse("d/a"), kept.at_us).read(0, 9), b"old")
        self.assertEqual(store.restore(parse("d/a"), kept.at_us, None).size, 3)
