"""Changes on their way to the audit log: in order, all of them, and none is lost without being reported."""

from __future__ import annotations

import errno
import os
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Busy, Internal
from homeftp.interfaces.store import UnrecordedChanges
from homeftp.interfaces.usage import StoreActivity
from homeftp.model import SERVER, Actor, Change
from homeftp.store.policy.changelog import ChangeLog, described


def change(path: str) -> Change:
    """One change."""
    return Change("add", "file", parse(path), Actor("ann", "laptop", "192.0.2.1"))


class ChangeLogTests(SynchronousTestCase):
    """A log that works, and one that fails for a while."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded: list[str] = []
        self.failure: OSError | None = None
        self.log = ChangeLog(self.record)

    def record(self, changes: Sequence[Change]) -> None:
        if self.failure is not None:
            raise self.failure
        self.recorded.append(" ".join(str(each.endpoint) for each in changes))

    def fail(self) -> None:  # type: ignore[override]
        """From now on nothing can be recorded."""
        self.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make(self, *paths: str) -> None:
        """Make changes together."""
        with self.log.changing() as changed:
            for path in paths:
                changed(change(path))

    def test_together(self) -> None:
        """Changes that are made together are recorded together, when all are made; without any nothing is recorded."""
        self.make("a", "b")
        self.make("c")
        self.make()
        self.log.ensure_recorded()
        self.log.close()
        self.assertEqual(self.recorded, ["a b", "c"])

    def test_activity(self) -> None:
        """What was recorded is counted by its kind; what is not recorded yet is owed."""
        self.assertEqual(self.log.activity(), StoreActivity())
        self.log.evicted(Change("evict", "version", parse("old"), SERVER, old_size=70))
        self.make("a", "b")
        counted = {"add": 2, "evict": 1}
        self.assertEqual(self.log.activity(), StoreActivity(changes=counted, evicted_bytes=70))
        self.fail()
        self.assertRaises(Internal, self.make, "c")
        self.assertEqual(self.log.activity(), StoreActivity(changes=counted, evicted_bytes=70, unrecorded=1))
        self.failure = None
        self.log.ensure_recorded()
        self.assertEqual(self.log.activity().changes, {"add": 3, "evict": 1})

    def test_not_in_time(self) -> None:
        """Where others are making changes for too long nothing is changed; once they are ready it is."""
        with self.log.changing() as changed:
            changed(change("a"))
            with self.assertRaises(Busy), self.log.changing(0.01) as late:
                late(change("b"))
        with self.log.changing(0.01) as changed:
            changed(change("c"))
        self.assertEqual(self.recorded, ["a", "c"])

    def test_reported(self) -> None:
        """Changes that are only reported are recorded with those that follow, in order, and before anything else."""
        for path in ("a", "b"):
            with self.log.reporting() as changed:
                changed(change(path))
        self.assertEqual(self.recorded, [])
        self.make("c")
        with self.log.reporting() as changed:
            changed(change("d"))
        self.log.ensure_recorded()
        self.assertEqual(self.recorded, ["a b c", "d"])

    def test_interrupted(self) -> None:
        """Changes that were made before an error are recorded, and the error is raised."""

        def interrupted() -> None:
            with self.log.changing() as changed:
                changed(change("a"))
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, interrupted)
        self.assertEqual(self.recorded, ["a"])

    def test_failing(self) -> None:
        """Changes that cannot be recorded are kept, and refuse further changes until they are recorded."""
        self.fail()
        made = self.assertRaises(Internal, self.make, "a")
        self.assertIn("the change was made", made.message)
        self.assertIn("No space left", made.message)
        self.assertIn("refused until", self.assertRaises(Internal, self.log.ensure_recorded).message)
        self.failure = None
        self.log.ensure_recorded()
        self.make("b")
        self.assertEqual(self.recorded, ["a", "b"])

    def test_closed(self) -> None:
        """Closing records the remaining changes, or reports every one; nothing remains after that."""
        for works in (True, False):
            self.fail()
            self.assertRaises(Internal, self.make, "a", "b")
            if works:
                self.failure = None
                self.log.close()
                self.assertEqual(self.recorded, ["a b"])
            else:
                lost = self.assertRaises(UnrecordedChanges, self.log.close)
                self.assertEqual([str(each.endpoint) for each in lost.changes], ["a", "b"])
            self.log.close()

    def test_described(self) -> None:
        """A change in words has what was done, where, and by whom."""
        self.assertEqual(described(change("d/a")), "add file d/a (ann, laptop, 192.0.2.1)")
        moved = Change("move", "directory", parse("a"), SERVER, parse("b/c"))
        self.assertEqual(described(moved), "move directory a to b/c (the server)")
