"""Collecting what is requested together."""

from __future__ import annotations

from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.transfer.batches.group import Group


class GroupTests(SynchronousTestCase):
    """A group of at most three items, or ten bytes."""

    def setUp(self) -> None:
        self.sent: list[Sequence[str]] = []
        self.group = Group(self.sent.append, count=3, size=10)

    def test_together(self) -> None:
        """What is added while it is open is sent at its end, and nothing where nothing was added."""
        with self.group.opened():
            self.group.add("a", 1)
            with self.group.opened():
                self.group.add("b", 1)
            self.assertEqual(self.sent, [])
        with self.group.opened():
            pass
        self.assertEqual(self.sent, [["a", "b"]])

    def test_bounds(self) -> None:
        """No more are sent together than allowed, nor more bytes; a single one may be larger."""
        with self.group.opened():
            for item, size in (("a", 0), ("b", 0), ("c", 0), ("d", 0), ("e", 10), ("f", 99), ("g", 1), ("h", 9)):
                self.group.add(item, size)
        self.assertEqual(self.sent, [["a", "b", "c"], ["d", "e"], ["f"], ["g", "h"]])

    def test_closed(self) -> None:
        """What is added while it is closed is sent at once, also after a failure within it."""

        def fail() -> None:
            with self.group.opened():
                self.group.add("a", 1)
                raise ValueError("fails")

        self.assertRaises(ValueError, fail)
        self.group.add("b", 1)
        self.assertEqual(self.sent, [["a"], ["b"]])
