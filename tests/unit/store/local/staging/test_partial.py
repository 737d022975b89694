"""The state of partial uploads: where they can be resumed, and the space that is reserved for them."""

from __future__ import annotations

from homeftp.config import CHECKPOINT
from homeftp.endpoint import parse
from homeftp.model import SERVER, ResumePoint
from homeftp.store.local.disk.accounting import Allocation, QuotaAccounting
from homeftp.store.local.staging.partial import PartialRegistry, PartialUpload
from homeftp.store.local.staging.resumerecord import ResumeRecord, ResumeRecords
from tests.support.stores import StoreCase, sha

QUOTA = 100 * 4096


def point(size: int) -> ResumePoint:
    """A resume point."""
    return ResumePoint(size, sha(b"%d" % size))


class PartialTests(StoreCase):
    """One partial upload, without a file."""

    def setUp(self) -> None:
        """Register it."""
        super().setUp()
        root, metadata_dir = self.opened_root()
        self.records = ResumeRecords(metadata_dir.partial)
        accounting = QuotaAccounting(root, QUOTA)
        self.usage = accounting.whole
        self.usage.count()
        self.before = self.usage.left() or 0
        self.registry = PartialRegistry(self.records, accounting)
        record = ResumeRecord(parse("a"), 10 * CHECKPOINT, None, None, None, None, None)
        allocation = Allocation(SERVER, parse("a"), arrived=8 * 4096)
        accounting.reserve(allocation)
        self.partial = PartialUpload(b"token", record, self.records, allocation=allocation)
        self.registry.add(self.partial)

    def recorded(self) -> int:
        """How many points are in the record file."""
        with open(self.path(".homeftp/partial/token.note"), "rb") as file:
            return len(file.readlines()) - 1

    def test_points(self) -> None:
        """The newest point is kept in memory; one is recorded at first, and then for every checkpoint."""
        self.partial.add_point(point(10))
        self.partial.add_point(point(20))
        self.partial.add_point(point(30))
        self.assertEqual((self.partial.points, self.recorded()), ([point(10), point(30)], 1))
        self.partial.add_point(point(10 + CHECKPOINT))
        self.assertEqual((self.partial.points, self.recorded()), ([point(10), point(10 + CHECKPOINT)], 2))

    def test_truncated(self) -> None:
        """Points behind the one that is valid are dropped, also from the record."""
        self.partial.add_point(point(10))
        self.partial.add_point(point(10 + CHECKPOINT))
        self.partial.truncate_to(point(20))
        self.assertEqual((self.partial.points, self.recorded()), ([point(10), point(20)], 3))
        self.partial.truncate_to(point(20))
        self.assertEqual(self.recorded(), 3, "the control: nothing new is not recorded again")

    def test_space(self) -> None:
        """An idle upload keeps only what has arrived reserved; its end gives the rest back, or uses it."""
        self.partial.add_point(point(4097))
        self.registry.shrink(self.partial)
        self.assertEqual(self.usage.left(), self.before - 2 * 4096)
        self.registry.remove(self.partial, committed=False)
        self.assertEqual(self.usage.left(), self.before)
        self.assertNotIn(self.partial, self.registry)
        self.assertEqual(self.left(), [])

    def test_committed(self) -> None:
        """The space of a committed upload stays used."""
        self.registry.remove(self.partial, committed=True)
        self.assertEqual(self.usage.left(), self.before - 8 * 4096)
