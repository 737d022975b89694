"""Hashes that were computed before this program changed the file are refused."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.ownchanges import MOST_KEPT, OwnChanges

FILE, OTHER = ("/d", "a"), ("/d", "b")


class OwnChangesTests(SynchronousTestCase):
    """`OwnChanges`."""

    def setUp(self) -> None:
        self.changes = OwnChanges()

    def test_readers(self) -> None:
        """Who began to read before the change, or during it, is refused; who begins later is not."""
        before = time.time_ns()
        self.assertTrue(self.changes.allows(FILE, before, 0), "the control")
        self.changes.begin(FILE)
        self.assertFalse(self.changes.allows(FILE, time.time_ns(), 0))
        ended = self.changes.end(FILE)
        self.assertFalse(self.changes.allows(FILE, before, 0))
        self.assertFalse(self.changes.allows(FILE, ended, 0))
        self.assertTrue(self.changes.allows(FILE, ended + 1, 0))
        self.assertTrue(self.changes.allows(OTHER, before, 0))

    def test_writers(self) -> None:
        """Of two changes of one file only the later one's hash is allowed, in whichever order they are noted."""
        ended = []
        for _ in range(2):
            self.changes.begin(FILE)
            ended.append(self.changes.end(FILE))
        self.assertEqual([self.changes.allows(FILE, 1, each) for each in ended], [False, True])
        self.changes.begin(FILE)
        self.assertFalse(self.changes.allows(FILE, 1, ended[1]))

    def test_many(self) -> None:
        """Of many changes the first are forgotten: then who began before them is refused for any file."""
        before = time.time_ns()
        for number in range(MOST_KEPT + 1):
            file = "/d", str(number)
            self.changes.begin(file)
            last = self.changes.end(file)
        self.assertFalse(self.changes.allows(("/d", "0"), before, 0))
        self.assertFalse(self.changes.allows(OTHER, before, 0))
        self.assertTrue(self.changes.allows(OTHER, last, 0))
