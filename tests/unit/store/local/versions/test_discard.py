"""Versions that are removed for good: recorded, counted, durable, and never the current file."""

from __future__ import annotations

import errno
import os
import time
from typing import Sequence
from unittest import mock

from homeftp.config import NAME_COST
from homeftp.endpoint import parse
from homeftp.errors import Busy, Internal, NotFound
from homeftp.history.changes import VersionId
from homeftp.model import Actor, Change
from homeftp.store.local.store import LocalStore
from homeftp.store.local.versions.layout import VersionDir
from tests.support.storecases import VersionsCase
from tests.support.stores import Failing, Recording

ANN = Actor("ann", address="192.0.2.1")


class DiscardTests(VersionsCase):
    """`VersionDiscarder`."""

    def replaced(self, store: LocalStore, *names: str, times: int = 2) -> list[VersionId]:
        """Files that were replaced so often; their versions, the newest first."""
        for number in range(times + 1):
            for name in names:
                self.put(store, name, b"%d" % number)
        return [VersionId(parse(name), each.at_us) for name in names for each in self.versions(store, name)]

    def discard(self, store: LocalStore, versions: Sequence[VersionId]) -> list[int | Exception]:
        """Remove these versions for good."""
        history = store.bind(ANN).history()
        assert history is not None
        return history.remove_versions(versions)

    def test_removed(self) -> None:
        """Only these versions go, with folders that are empty then; their bytes are told, and each is recorded."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        newer, older, *_ = self.replaced(store, "d/e/a", "d/b")
        changes.clear()
        self.assertEqual(self.discard(store, [older]), [1])
        self.assertEqual(changes, [Change("prune", "version", parse("d/e/a"), ANN, old_size=1)])
        self.assertEqual([each.at_us for each in self.versions(store, "d/e/a")], [newer.at_us])
        self.assertEqual(self.discard(store, [newer]), [1])
        self.assertEqual(len(self.versions(store)), 2)
        (day,) = os.listdir(self.path(".homeftp/versions"))
        self.assertEqual(os.listdir(self.path(f".homeftp/versions/{day}")), ["d"])
        self.assertEqual(os.listdir(self.path(f".homeftp/versions/{day}/d/")).count("e"), 0)
        self.assertEqual(self.content("d/e/a"), b"2")

    def test_marks(self) -> None:
        """With the last version of a file its marks of what was put back go, and with them what they count."""
        store = self.store(quota=1000 * NAME_COST)
        store.maintain()
        long = f"d/{'n' * 250}.txt"
        names = ("d/a", "d/b", long)
        for name in names:
            self.replaced(store, name)
            for _ in range(3):
                store.restore(parse(name), None, None)
        folder = os.path.dirname(self.path(f".homeftp/versions/{min(self.archived())}"))
        os.symlink("elsewhere", os.path.join(folder, ".homeftp-00.00.00.000000-a"))
        store._writable.accounting.whole.count()
        self.assertEqual(len(self.marks()), 10, "the control")
        versions = {name: [VersionId(parse(name), each.at_us) for each in self.versions(store, name)] for name in names}
        self.discard(store, versions["d/a"][:1])
        self.assertEqual(len(self.marks()), 10, "one version is left")
        self.discard(store, [*versions["d/a"][1:], *versions[long]])
        self.assertEqual(sorted(each[-2:] for each in self.marks()), ["-a", "-b", "-b", "-b"])
        self.discard(store, versions["d/b"])
        self.assertEqual(list(self.marks().values()), ["elsewhere"])
        self.assertEqual(store.usage().versions, 0)
        before = store._writable.accounting.whole.taken()
        store._writable.accounting.whole.count()
        self.assertEqual(store._writable.accounting.whole.taken(), before)

    def test_marks_kept(self) -> None:
        """A disk that fails meanwhile fails no removal that is done."""
        store = self.store()
        (version,) = self.replaced(store, "a", times=1)
        store.restore(version.endpoint, None, None)
        (version,) = [VersionId(version.endpoint, each.at_us) for each in self.versions(store)]
        for failure in (OSError(errno.EIO, "failed"), NotFound("moved")):
            with mock.patch.object(VersionDir, "marks_alone", side_effect=failure):
                self.assertEqual(self.discard(store, [version]), [1])
            self.assertEqual(len(self.marks()), 1)
            self.put(store, "a", b"again")
            (version,) = [VersionId(version.endpoint, each.at_us) for each in self.versions(store)]

    def test_none(self) -> None:
        """A version that is not there is named, and the others go."""
        store = self.store()
        versions = self.replaced(store, "a")
        missing = VersionId(parse("a"), versions[0].at_us + 1)
        found = self.discard(store, [versions[0], missing, VersionId(parse("none"), 1), versions[1]])
        self.assertEqual([type(each) for each in found], [int, NotFound, NotFound, int])
        self.assertEqual(self.archived(), {})
        self.assertEqual(self.discard(store, []), [])

    def test_many(self) -> None:
        """More than are opened together."""
        store = self.store()
        versions = self.replaced(store, *(f"d/{number}" for number in range(70)), times=1)
        self.assertEqual(self.discard(store, versions), [1] * 70)
        self.assertEqual(self.archived(), {})

    def test_pinned(self) -> None:
        """A version that is being put back stays."""
        store = self.store()
        (version,) = self.replaced(store, "a", times=1)
        history = store.history()
        assert history is not None
        with history.catalog.open(version.endpoint, version.at_us):
            (refused,) = self.discard(store, [version])
        self.assertIsInstance(refused, Busy)
        self.assertEqual(self.discard(store, [version]), [1])

    def test_quota(self) -> None:
        """The space counts as free at once."""
        store = self.store(quota=100 * NAME_COST)
        store.maintain()
        versions = self.replaced(store, *(f"d/{number}" for number in range(5)), times=1)
        before = store.space().free or 0
        self.discard(store, versions)
        after = store.space().free or 0
        self.assertEqual(after - before, (5 + 1) * NAME_COST, "the versions, and their folder d")
        again = self.store_again(store)
        again.maintain()
        self.assertEqual(again.space().free, after)

    def store_again(self, store: LocalStore) -> LocalStore:
        """The same store, opened anew: it counts again."""
        store.close()
        return self.store(quota=100 * NAME_COST)

    def test_durable(self) -> None:
        """The folders are made durable after the versions have gone; one sync serves many."""
        system = Recording()
        store = self.store(system=system)
        versions = self.replaced(store, *(f"d{number}/a" for number in range(5)), times=1)
        system.calls.clear()
        self.discard(store, versions)
        self.assertEqual([name for name, _ in system.calls if name == "syncfs"], ["syncfs"])

    def test_failed(self) -> None:
        """Where a disk fails, no success is told."""
        store = self.store()
        versions = self.replaced(store, "a", times=1)
        store.close()
        failing = self.store(system=Failing(1, syncfs=False))
        (refused,) = self.discard(failing, versions)
        self.assertIsInstance(refused, Internal)

    def test_unrecorded(self) -> None:
        """Nothing is removed while an earlier change cannot be recorded, and one that cannot be is no success."""
        fails = False

        def record(changes: Sequence[Change]) -> None:
            if fails:
                raise OSError(28, "full")

        store = self.store(record_changes=record)
        first, second = self.replaced(store, "a")
        fails = True
        self.assertRaises(Internal, self.discard, store, [first])
        self.assertRaises(Internal, self.discard, store, [second])
        self.assertEqual(len(self.archived()), 1)
        fails = False
        self.assertEqual(self.discard(store, [second]), [1])

    def test_days(self) -> None:
        """A version of any day is found by its time."""
        self.lay(".homeftp/versions/2025-11-26/d/.homeftp-12.00.00.000007-a")
        store = self.store()
        (version,) = self.versions(store)
        self.assertEqual(time.gmtime(version.at_us // 1_000_000)[:4], (2025, 11, 26, 12))
        self.assertEqual(self.discard(store, [VersionId(parse("d/a"), version.at_us)]), [3])
        self.assertEqual(os.listdir(self.path(".homeftp/versions")), [])
