"""Space: reserved before a write, and old versions are removed before a write is refused."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from homeftp.config import KIB, MIB, Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, NoSpace
from homeftp.store.local.disk.errnos import catch
from tests.support.storecases import SpaceCase
from tests.support.stores import put_of, sha


class QuotaTests(SpaceCase):
    """A store with a quota."""

    def test_exact(self) -> None:
        """An upload may fill the last block; one byte more is refused, and the message has the free space."""
        block = os.statvfs(self.root).f_frsize
        quota = 100 * block
        for put in (self.put, self.stream):
            store = self.counted(quota)
            number = 0
            while quota - self.used() > 3 * block:
                put(store, f"{number}", b"x" * (number % 3 * block + 1))
                number += 1
            left = quota - self.used()
            self.assertGreater(left, 0)
            with self.assertRaisesRegex(NoSpace, r"quota of .* has no space for last: it needs .* are free"):
                put(store, "last", bytes(left + 1))
            self.assertEqual(self.left(), [])
            put(store, "last", bytes(left))
            self.assertEqual(self.used(), quota)
            with self.assertRaises(NoSpace):
                put(store, "more", b"x")
            put(store, "empty", b"")
            store.close()
            for name in os.listdir(self.root):
                if name != ".homeftp":
                    os.unlink(self.path(name))

    def test_existing_files(self) -> None:
        """Existing files count, whatever wrote them; files that were removed behind the server's back no longer do."""
        self.lay("a/b/theirs", bytes(50_000))
        store = self.counted(100_000)
        self.put(store, "file", bytes(30_000))
        with self.assertRaises(NoSpace):
            self.put(store, "more", bytes(30_000))
        os.unlink(self.path("a/b/theirs"))
        with mock.patch("time.monotonic", return_value=time.monotonic() + 100):
            self.put(store, "more", bytes(30_000))

    def test_versions_go_first(self) -> None:
        """Versions count, and the oldest are removed before a write is refused, unless that would not be enough."""
        store = self.counted(10 * 4096)
        for number in range(4):
            self.put(store, f"{number}", b"old" * 1000)
            self.put(store, f"{number}", b"new" * 1000)
        self.assertEqual(self.used(), 8 * 4096)
        with self.assertRaises(NoSpace):
            self.put(store, "large", bytes(7 * 4096))
        self.assertEqual(self.used(), 8 * 4096)
        self.put(store, "large", bytes(4 * 4096))
        self.assertEqual(self.used(), 10 * 4096)
        self.assertEqual(len(list(store.versions(parse("0")))), 0)
        self.assertEqual(len(list(store.versions(parse("3")))), 1)

    def test_no_versions(self) -> None:
        """A replaced file without a version frees its space."""
        store = self.counted(3 * 4096, retention=Retention(seconds=0))
        for _ in range(10):
            self.put(store, "a", bytes(4096))
            self.put(store, "b", bytes(4096))

    def test_restored(self) -> None:
        """Restoring a version needs no space."""
        store = self.counted(2 * 4096)
        self.put(store, "a", b"one")
        self.put(store, "a", b"two")
        for _ in range(10):
            store.restore(parse("a"), None, None)
        self.assertEqual(store._writable.usage.left(), 0)

    def test_given_back(self) -> None:
        """Refused, aborted, suspended and committed writes leave the sum exact."""
        store = self.counted(64 * MIB)
        left = store._writable.usage.left
        assert left is not None
        before = left()
        for content_hash in (sha(b"wrong"), sha(bytes(2 * MIB))):
            upload = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash)[0])
            upload.write(bytes(MIB + 5))
            upload.suspend()
            self.assertEqual(left(), (before or 0) - MIB - 4096)
            again = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash, offset=MIB)[0])
            self.assertEqual(left(), (before or 0) - 2 * MIB)
            list(again.verify_resumed())
            again.write(bytes(MIB))
            try:
                again.commit()
            except Exception:  # noqa: BLE001 (the wrong hash)
                self.assertEqual(left(), before)
        self.assertEqual(left(), (before or 0) - 2 * MIB)
        with self.assertRaises(Exception):  # noqa: B017
            self.put(store, "b", b"x", hash=sha(b"wrong"))
        self.assertEqual(left(), (before or 0) - 2 * MIB)

    def test_not_counted_yet(self) -> None:
        """Until the files are counted nothing is accepted."""
        store = self.store(quota=MIB)
        with self.assertRaisesRegex(Busy, "still counting"):
            self.put(store, "a", b"x")
        store.maintain()
        self.put(store, "a", b"x")

    def test_two_reservations(self) -> None:
        """Reserved space is not given to another write."""
        store = self.counted(10 * MIB)
        first = store.upload(put_of("a", bytes(6 * MIB))[0])
        with self.assertRaises(NoSpace):
            store.upload(put_of("b", bytes(6 * MIB))[0])
        first.abort()
        store.upload(put_of("b", bytes(6 * MIB))[0]).abort()

    def test_many_at_once(self) -> None:
        """However many write and remove at once while it is counted, the quota is never exceeded."""
        quota = MIB
        store = self.counted(quota)
        refused = 0

        def put(number: int) -> bool:
            return isinstance(store.write_many([put_of(f"{number}", bytes([number]) * 100 * KIB)])[0], NoSpace)

        with ThreadPoolExecutor(8) as pool:
            for _ in range(15):
                refused += sum(pool.map(put, range(16)))
                self.assertLessEqual(self.used(), quota)
                list(pool.map(lambda number: catch(list, store.remove(parse(f"{number}"), None, False)), range(16)))
        self.assertGreater(refused, 15, "the control: not all fitted")

    def test_other_names(self) -> None:
        """A file with two names takes up as much when one of them is removed."""
        store = self.counted(8 * 4096, retention=Retention(seconds=0))
        self.put(store, "a", bytes(5 * 4096))
        os.link(self.path("a"), self.path("b"))
        self.put(store, "a", b"small")
        with self.assertRaises(NoSpace):
            self.put(store, "c", bytes(3 * 4096))
        self.put(store, "c", bytes(2 * 4096))
        self.assertEqual(self.used(), 8 * 4096)
