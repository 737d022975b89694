"""Space: reserved before a write, and old versions are removed before a write is refused."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from homeftp.config import KIB, MIB, NAME_COST, Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, Changed, NoSpace
from homeftp.model import SERVER, Change, Entry, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.outcomes import catch
from tests.support.contracts import later
from tests.support.storecases import SpaceCase, VersionsCase, account
from tests.support.stores import put_of, sha

UNPROTECTED = Retention(protected_seconds=0)
"""Versions may be removed as soon as they exist."""


class QuotaTests(SpaceCase, VersionsCase):
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
            with self.assertRaisesRegex(
                NoSpace, r"the quota of the server has no space for last: .* about .* are free"
            ):
                put(store, "last", bytes(left + 1))
            self.assertEqual(self.left(), [])
            put(store, "last", bytes(left))
            self.assertEqual(self.used(), quota)
            with self.assertRaises(NoSpace):
                put(store, "more", b"x")
            with self.assertRaises(NoSpace):
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
        store = self.counted(10 * 4096, retention=UNPROTECTED)
        for number in range(4):
            self.put(store, f"{number}", b"old" * 1000)
            self.put(store, f"{number}", b"new" * 1000)
        self.assertEqual(self.used(), 8 * 4096)
        with self.assertRaises(NoSpace):
            self.put(store, "large", bytes(7 * 4096))
        self.assertEqual(self.used(), 8 * 4096)
        self.put(store, "large", bytes(4 * 4096))
        self.assertEqual(self.used(), 10 * 4096)
        self.assertEqual(self.versions(store, "0"), [])
        self.assertEqual(len(self.versions(store, "3")), 1)

    def test_together(self) -> None:
        """Of files that come together as many are stored as there is space for, and each counts once."""
        store = self.counted(10 * 4096)
        results = store.write_many([put_of(f"{number}", b"x" * 4097) for number in range(7)])
        self.assertEqual([type(each) for each in results], [Entry] * 5 + [NoSpace] * 2)
        self.assertEqual(self.used(), 10 * 4096)
        for number in range(5):
            self.assertEqual(sum(store.remove(parse(f"{number}"), None, False)), 1)
        store.close()
        store = self.counted(10 * 4096 + 5 * 8192)
        wrong = put_of("wrong", b"x", precondition=sha(b"other"))
        results = store.write_many([wrong, *(put_of(f"{number}", b"x" * 4097) for number in range(5))])
        self.assertEqual([type(each) for each in results], [Changed] + [Entry] * 5, "a refused file takes no space")

    def test_together_instead_of_versions(self) -> None:
        """Files that come together take the place of old versions, of no more than they need."""
        store = self.counted(20 * 4096, retention=UNPROTECTED)
        for number in range(8):
            self.put(store, f"{number}", b"old")
            self.put(store, f"{number}", b"new")
        self.assertEqual(self.used(), 16 * 4096)
        results = store.write_many([put_of(f"more {number}", b"x") for number in range(6)])
        self.assertEqual([type(each) for each in results], [Entry] * 6)
        self.assertEqual(self.used(), 20 * 4096)

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
        self.assertEqual(store._writable.accounting.whole.left(), 0)

    def test_marked(self) -> None:
        """A mark of what was restored counts as a name, and is left out where the quota has no space for one."""
        store = self.counted(5 * 4096)
        self.put(store, "a", b"one")
        self.put(store, "a", b"two")
        for used in (3, 4, 5, 5, 5):
            store.restore(parse("a"), None, None)
            self.assertEqual(self.used(), used * 4096)
        store._writable.accounting.whole.count()
        self.assertEqual(self.used(), 5 * 4096)

    def test_given_back(self) -> None:
        """Refused, aborted, suspended and committed writes leave the sum exact."""
        store = self.counted(64 * MIB)
        left = store._writable.accounting.whole.left
        assert left is not None
        before = left()
        for content_hash in (sha(b"wrong"), sha(bytes(2 * MIB))):
            upload = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash)[0])
            upload.write(bytes(MIB + 5))
            upload.suspend()
            self.assertEqual(left(), (before or 0) - MIB - 4096)
            again = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash, offset=MIB)[0])
            self.assertEqual(left(), (before or 0) - MIB - 4096, "only what has arrived counts")
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


class ArrivedTests(SpaceCase):
    """Space is made for what has arrived."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []

    def kept(self, store: LocalStore) -> list[str]:
        """The files that have versions, by name."""
        return sorted(version.name for page in store.versions(ROOT) for version in page)

    def with_versions(self, retention: Retention) -> LocalStore:
        """A store for 10 MiB, and four empty files that have 4 MiB of versions."""
        store = self.counted(10 * MIB + 4 * NAME_COST, retention=retention, record_changes=self.changes.extend)
        for name in "abcd":
            self.put(store, name, bytes(MIB))
            self.put(store, name, b"")
        self.changes.clear()
        return store

    def evicted(self) -> list[Change]:
        """What was recorded as removed for others."""
        return [change for change in self.changes if change.what == "evict"]

    def test_declared(self) -> None:
        """For a declared size nothing is removed: only when it arrives, the oldest first, and each is recorded."""
        kid = account("kid")
        store = self.with_versions(UNPROTECTED)
        for _ in range(3):
            store.bind(kid).upload(put_of("x", bytes(9 * MIB))[0]).abort()
        with self.assertRaises(NoSpace):
            store.bind(kid).upload(put_of("x", bytes(11 * MIB))[0])
        upload = store.bind(kid).upload(put_of("x", bytes(9 * MIB))[0])
        self.assertEqual(self.kept(store), ["a", "b", "c", "d"])
        for arrived in range(1, 10):
            upload.write(bytes(MIB))
            self.assertEqual(self.kept(store), list("abcd")[max(0, arrived - 6) :], arrived)
        names = [Change("evict", "version", parse(name), kid, old_size=MIB) for name in "abc"]
        self.assertEqual(self.evicted(), names)
        upload.commit()

    def test_young(self) -> None:
        """Versions that are younger than a day are not removed, whoever stores something, and whatever its size."""
        self.assertEqual(Retention().protected_seconds, 24 * 60 * 60)
        store = self.with_versions(Retention())
        for actor in (SERVER, account("kid"), account("ann", "ann"), account("all", narrow=False)):
            bound = store.bind(actor)
            with self.assertRaises(NoSpace):
                bound.upload(put_of("x", bytes(7 * MIB))[0])
            with self.assertRaises(NoSpace):
                self.put(bound, "x", bytes(7 * MIB))
            upload = bound.upload(WriteRequest(endpoint=parse("x"), size=None))
            with self.assertRaises(NoSpace):
                for _ in range(7):
                    upload.write(bytes(MIB))
        self.assertEqual((self.kept(store), self.evicted()), (["a", "b", "c", "d"], []))
        with later(25 * 60 * 60):
            self.put(store, "x", bytes(7 * MIB))
        self.assertEqual(self.kept(store), ["b", "c", "d"], "the control")

    def test_gap(self) -> None:
        """A draft that is extended by zeros removes nothing."""
        store = self.with_versions(UNPROTECTED)
        draft = store.edit(WriteRequest(endpoint=parse("x")))
        for extend in (lambda: draft.truncate(7 * MIB), lambda: draft.write(7 * MIB, b"end")):
            with self.assertRaises(NoSpace):
                extend()
        self.assertEqual((self.kept(store), draft.size), (["a", "b", "c", "d"], 0))
        draft.truncate(5 * MIB)
        draft.write(0, bytes(7 * MIB))
        self.assertEqual(self.kept(store), ["b", "c", "d"], "the control")
        draft.abort()

    def test_gap_held_back(self) -> None:
        """A draft that is extended by zeros keeps no more from the others than the bound, until it is committed."""
        quota = 40 * MIB
        store = self.counted(quota, reserved=200 * KIB)
        ann = store.bind(account("ann"))
        drafts = [store.bind(account("kid")).edit(WriteRequest(endpoint=parse(name))) for name in "xy"]
        for draft, extend in zip(drafts, (drafts[0].truncate, lambda size: drafts[1].write(size, b"end")), strict=True):
            extend(35 * MIB)
            for number in range(50):
                self.put(ann, f"{number}", bytes(60 * KIB))
            if draft is drafts[0]:
                draft.abort()
        self.put(ann, "large", bytes(30 * MIB))
        with self.assertRaises(NoSpace):
            drafts[1].commit()
        self.assertIsNone(store.stat(parse("y")))
        draft = store.bind(account("kid")).edit(WriteRequest(endpoint=parse("x")))
        draft.truncate(MIB)
        draft.write(MIB // 2, b"in the gap")
        draft.truncate(2 * MIB)
        draft.commit()
        self.assertEqual(os.stat(self.path("x")).st_size, 2 * MIB)
        self.assertLessEqual(self.used(), quota)

    def test_held_back(self) -> None:
        """Who declares everything and sends little keeps no more from the others than the bound."""
        quota, bound = 40 * MIB, 200 * KIB
        store = self.counted(quota, reserved=bound)
        kid = store.bind(account("kid")).upload(WriteRequest(endpoint=parse("x"), size=quota))
        kid.write(b"x")
        ann = store.bind(account("ann"))
        for number in range(50):
            self.put(ann, f"{number}", bytes(60 * KIB))
        upload = ann.upload(WriteRequest(endpoint=parse("large"), size=36 * MIB))
        with self.assertRaises(NoSpace):
            store.bind(account("kid")).upload(WriteRequest(endpoint=parse("y"), size=MIB))
        for _ in range(36):
            upload.write(bytes(MIB))
        upload.commit()
        with self.assertRaises(NoSpace):
            for number in range(100):
                self.put(ann, f"more{number}", bytes(60 * KIB))
        self.assertGreater(store._writable.accounting.whole.left() or 0, bound - 4096, "the control: that much is kept")
        kid.abort()

    def test_second_is_suspended(self) -> None:
        """Of two uploads that do not both fit the first one ends, and nothing of the second one is lost."""
        store = self.counted(20 * MIB)
        ann, bob = (store.bind(account(name)) for name in ("ann", "bob"))
        size, piece = 10_340 * KIB, bytes(100 * KIB)
        first, second = (
            bound.upload(WriteRequest(endpoint=parse(name), size=size, mtime_us=5))
            for bound, name in ((ann, "a"), (bob, "b"))
        )
        sent = []
        with self.assertRaises(NoSpace):
            for _ in range(size // len(piece)):
                first.write(piece)
                second.write(piece)
                sent.append(len(piece))
        for start in range(sum(sent) + len(piece), size, len(piece)):
            first.write(piece[: size - start])
        self.assertEqual(first.commit().size, size)
        point = bob.resume_point(parse("b"), None, size, 5)
        assert point is not None
        self.assertEqual(point.size, sum(sent))

    def test_of_one_account(self) -> None:
        """Of one account's uploads a second one is refused before it sends anything that would be in vain."""
        store = self.counted(10 * MIB)
        for other, fits in (("ann", False), ("bob", True)):
            first = store.bind(account("ann")).upload(put_of("a", bytes(6 * MIB))[0])
            second = catch(store.bind(account(other)).upload, put_of("b", bytes(6 * MIB))[0])
            self.assertEqual(not isinstance(second, NoSpace), fits)
            first.abort()
            if not isinstance(second, Exception):
                second.abort()

    def test_disclosure(self) -> None:
        """Only accounts that see the whole store are told what is free, roughly; and trying tells no more."""
        store = self.counted(12_345 * 4096)
        for narrow in (False, True):
            bound = store.bind(account("ann", narrow=narrow))
            refused = catch(bound.upload, put_of("x", bytes(60_000_000))[0])
            assert isinstance(refused, NoSpace)
            self.assertEqual("about 50.0 MB are free" in refused.message, not narrow)
            self.assertEqual("free" in refused.message, not narrow)
            upload = bound.upload(put_of("x", bytes(50_900_000))[0])
            with self.assertRaises(NoSpace):
                for _ in range(509):
                    upload.write(bytes(100_000))
            store._writable.partials.evict(account("ann"), None, 2**62)
            self.assertEqual(bound.space().free, 50_000_000)
        self.assertGreater(store.space().free or 0, 50_500_000, "the control")
