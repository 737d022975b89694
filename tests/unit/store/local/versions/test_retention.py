"""Versions are removed by age and by size, the oldest first."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Iterator
from unittest import mock

from homeftp.config import KIB, MIB, NAME_COST, Retention
from homeftp.endpoint import parse
from homeftp.model import Actor, Allotment, Change
from homeftp.store.local.versions.retention import EvictionScope
from tests.support.storecases import VersionsCase
from tests.support.stores import SetClock, put_of, snapshot
from tests.support.waiting import WITHIN

DAY = 24 * 60 * 60


class AgeTests(VersionsCase):
    """How long versions are kept."""

    def age(self, days: float) -> None:
        """Make every version older."""
        top = self.path(".homeftp/versions")
        for day in sorted(os.listdir(top)):
            then = time.time() - days * DAY
            os.rename(os.path.join(top, day), os.path.join(top, time.strftime("%Y-%m-%d", time.gmtime(then))))

    def test_expired(self) -> None:
        """Versions are removed after 30 days, with the folders that held them; younger ones stay."""
        store = self.store()
        for days in (31.5, 28.5):
            for content in (b"one %d" % days, b"two"):
                self.put(store, f"a/{days}/file.txt", content)
            self.age(days)
            store.maintain()
        self.assertEqual(self.contents(), [b"one 28"])
        self.assertEqual(len(os.listdir(self.path(".homeftp/versions"))), 1)
        store.close()
        self.store(retention=Retention(seconds=DAY)).maintain()
        self.assertEqual(os.listdir(self.path(".homeftp/versions")), [])

    def test_to_the_second(self) -> None:
        """Within a day the time counts."""
        store = self.store(retention=Retention(seconds=10))
        now = time.time_ns()
        for seconds in (20, 12, 8, 1):
            with mock.patch("time.time_ns", return_value=now - seconds * 1_000_000_000):
                self.put(store, "file.txt", b"from %d" % seconds)
        self.put(store, "file.txt", b"now")
        with mock.patch("time.time_ns", return_value=now):
            store.maintain()
        self.assertEqual(self.contents(), [b"from 1", b"from 12", b"from 8"], "the one from 20 was replaced 12 ago")

    def test_wrong_clock(self) -> None:
        """A clock that is years ahead removes no version, neither at a start nor in a running server."""
        for restarts in (True, False):
            system = SetClock()
            store = self.store(system)
            for content in (b"1", b"2", b"3"):
                self.put(store, f"{restarts}.txt", content)
            before = self.contents()
            if restarts:
                store.close()
                system.wall = 5 * 365 * DAY
                store = self.store(system)
            system.wall = 5 * 365 * DAY
            store.maintain()
            self.assertEqual(self.contents(), before)
            system.running = 32 * DAY
            store.maintain()
            self.assertLess(len(self.contents()), len(before), "the control")
            store.close()

    def test_marks(self) -> None:
        """The mark of a version that was put back goes when a version of its time does, and its folder then."""
        store = self.store()
        for path in ("a/file.txt", "b/file.txt"):
            self.put(store, path, b"one")
            sum(store.remove(parse(path), None, False))
            store.restore(parse(path), None, None)
            if path.startswith("a"):
                self.age(28.5)
        store.maintain()
        self.assertEqual(len(self.marks()), 2, "the control")
        store.close()
        store = self.store(retention=Retention(seconds=20 * DAY))
        store.maintain()
        self.assertEqual(len(self.marks()), 1)
        self.assertEqual(len(os.listdir(self.path(".homeftp/versions"))), 1)
        self.assertEqual((self.content("a/file.txt"), self.content("b/file.txt")), (b"one", b"one"))

    def test_cost_of_marks(self) -> None:
        """On a disk of large blocks a mark counts the same when it is made, counted anew, and removed in any way."""
        large = os.statvfs_result((64 * KIB, 64 * KIB, *[10**6] * 6, 0, 255))
        self.patch(os, "fstatvfs", lambda fd: large)
        store = self.store(quota=100 * MIB, retention=Retention(seconds=DAY, percent=None, size=MIB))
        store.maintain()
        usage = store._writable.accounting.whole
        self.put(store, "file.txt", b"one")
        for removal in ("expiry", "eviction"):
            sum(store.remove(parse("file.txt"), None, False))
            store.restore(parse("file.txt"), None, None)
            for _ in range(2):
                self.assertEqual((len(self.marks()), store.usage().versions), (1, NAME_COST))
                self.assertEqual(usage.taken(), 64 * KIB + NAME_COST)
                usage.count()
            if removal == "expiry":
                self.age(2)
                store.maintain()
            else:
                store._writable.archive.evict(Actor("ann"), EvictionScope(any_age=True), 1)
            self.assertEqual((self.marks(), store.usage().versions, usage.taken()), ({}, 0, 64 * KIB))

    def test_last(self) -> None:
        """Not all versions of a file are removed in one step, however old they are."""
        system = SetClock()
        store = self.store(system)
        for content in (b"1", b"2", b"3"):
            self.put(store, "file.txt", content)
        for left in ([b"2"], []):
            system.running += 40 * DAY
            store.maintain()
            self.assertEqual(self.contents(), left)

    def test_few_a_day(self) -> None:
        """At most a hundred, or a tenth, are removed because of their age on one day."""
        system = SetClock()
        store = self.store(system)
        store.write_many([put_of(f"{number}.txt", b"old") for number in range(120)])
        store.write_many([put_of(f"{number}.txt", b"new") for number in range(120)])
        system.running += 40 * DAY
        for _ in range(2):
            store.maintain()
            self.assertEqual(len(self.contents()), 20)
        system.running += DAY
        store.maintain()
        self.assertEqual(self.contents(), [])

    def test_pinned(self) -> None:
        """A version that is being restored is not evicted; later ones are evicted instead."""
        store = self.store(retention=Retention(percent=None, size=3 * 4096))
        for content in (b"old", b"new" * 2000):
            self.put(store, "file.txt", content)
        self.age(3)
        for content in (b"other", b"another"):
            self.put(store, "other.txt", content)
        self.assertEqual(self.contents(), [b"old", b"other"])
        store.restore(parse("file.txt"), None, None)
        self.assertEqual(self.content("file.txt"), b"old")
        self.assertEqual(self.contents(), [b"new" * 2000])

    def test_other_files(self) -> None:
        """Files that an owner puts among the versions stay and do no harm."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/file.txt", content)
        self.lay(".homeftp/versions/notes.txt", b"mine")
        self.lay(".homeftp/versions/2000-01-01/mine.txt", b"mine")
        self.lay(".homeftp/versions/2000-13-01/.homeftp-00.00.00.000000-x", b"mine")
        os.symlink(self.outside, self.path(".homeftp/versions/2000-01-01/link"))
        os.symlink(self.outside, self.path(".homeftp/versions/2000-01-02"))
        os.symlink(f"{self.outside}/secret.txt", self.path(".homeftp/versions/2000-01-01/.homeftp-00.00.00.000000-y"))
        self.assertEqual([version.name for version in self.versions(store)], ["a/file.txt"])
        before = snapshot(self.outside)
        store.maintain()
        self.assertEqual(snapshot(self.outside), before)
        self.assertEqual(self.contents().count(b"mine"), 3)


class SizeTests(VersionsCase):
    """The limit for all versions together."""

    def test_most(self) -> None:
        """Beyond `--versions-max` the oldest are removed, and a file larger than the limit makes no version."""
        store = self.store(retention=Retention(percent=None, size=3 * 4096))
        for number in range(6):
            self.put(store, f"{number}.txt", b"old %d" % number)
            self.put(store, f"{number}.txt", b"new")
        self.assertEqual(self.contents(), [b"old 3", b"old 4", b"old 5"])
        self.put(store, "large.txt", bytes(3 * 4096 + 1))
        self.put(store, "large.txt", b"new")
        self.assertEqual(self.contents(), [b"old 3", b"old 4", b"old 5"])

    def test_marks_count(self) -> None:
        """Marks of versions that were put back count as small versions, and are removed with them, the oldest first."""
        store = self.store(retention=Retention(percent=None, size=3 * 4096))
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        for _ in range(10):
            store.restore(parse("file.txt"), None, None)
            self.assertLessEqual(len(self.marks()) + len(self.contents()), 4)
        marks = self.marks()
        self.put(store, "file.txt", b"three")
        self.assertLess(len(self.marks()), len(marks))
        self.assertEqual(set(self.marks().items()) - set(marks.items()), set())
        self.assertIn(b"two", self.contents())

    def test_added_meanwhile(self) -> None:
        """While all versions are looked at, to count them and to remove old ones, others add some, which count too."""
        store = self.store(retention=Retention(percent=None, size=8 * 4096))
        scandir, added = os.scandir, list[int]()

        def add() -> None:
            added.append(len(added))
            for content in (b"%d" % added[-1], b"new"):
                self.put(store, f"{added[-1]}.txt", content)

        @contextlib.contextmanager
        def adding(directory: int) -> Iterator[Iterator[os.DirEntry[str]]]:
            if threading.current_thread() is threading.main_thread():
                other = threading.Thread(target=add)
                other.start()
                other.join(WITHIN)
                self.assertFalse(other.is_alive(), "it waits for the lock")
            with scandir(directory) as entries:
                yield entries

        add()
        with mock.patch.object(os, "scandir", adding):
            store.maintain()
        self.assertGreater(len(added), 1)
        while len(added) < 12:
            add()
        self.assertEqual(self.contents(), sorted(b"%d" % number for number in added[-8:]))

    def test_most_after_a_start(self) -> None:
        """Versions from an earlier run count too."""
        retention = Retention(percent=None, size=3 * 4096)
        for number in range(6):
            store = self.store(retention=retention)
            self.put(store, "file.txt", b"old %d" % number)
            store.close()
        self.assertEqual(self.contents(), [b"old 2", b"old 3", b"old 4"])

    def test_percent(self) -> None:
        """By default versions may take up a fifth of the disk."""
        self.assertEqual(Retention().most(1000), 200)
        self.assertEqual(Retention(percent=12.5).most(1000), 125)

    def test_of_others(self) -> None:
        """An account with a home makes versions at the cost of its own, never of others' young ones."""
        store = self.store(retention=Retention(percent=None, size=3 * 4096))
        owners = {}
        for may_discard in (True, False):
            allotment = Allotment(parse("ann"), None, may_discard=may_discard, sees_all=False)
            owners[may_discard] = store.bind(Actor("ann", allotment=allotment))
        for name in ("bob/a", "bob/b"):
            self.put(store, name, b"bob")
            self.put(store, name, b"new")
        for number in range(4):
            self.put(owners[True], "ann/a", b"ann %d" % number)
        self.assertEqual(self.contents(), [b"ann 2", b"bob", b"bob"])
        self.assertEqual(sum(owners[True].remove(parse("ann/a"), None, False)), 1)
        self.assertEqual(self.contents(), [b"ann 3", b"bob", b"bob"])
        for number in range(3):
            self.put(owners[False], "ann/b", b"kid %d" % number)
        self.assertEqual(
            self.contents(), [b"ann 3", b"bob", b"bob", b"kid 0", b"kid 1"], "more than the limit, for a day"
        )
        for name in ("ann/c", "ann/d"):
            self.put(store, name, b"all")
        self.put(store, "ann/c", b"new")
        self.assertEqual(self.contents(), [b"all", b"kid 0", b"kid 1"], "the control: nothing is another's there")

    def test_recorded(self) -> None:
        """What is removed for another version is recorded, with its size, and for which account."""
        changes: list[Change] = []
        retention = Retention(percent=None, size=3 * 4096)
        store = self.store(retention=retention, record_changes=changes.extend).bind(Actor("ann"))
        for number in range(5):
            self.put(store, "d/a", b"%d" % number * 9)
        evicted = [change for change in changes if change.what == "evict"]
        self.assertEqual(evicted, [Change("evict", "version", parse("d/a"), Actor("ann"), old_size=9)])
