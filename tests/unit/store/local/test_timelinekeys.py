"""The keys of timelines have the order of a listing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.timelinekeys import CURRENT, FOLDER, MARK, TIME, FoundKey


class KeyTests(SynchronousTestCase):
    """Keys."""

    def test_order(self) -> None:
        """Names come in order, and of each what is beneath it, its versions by their times, and what is there now."""
        keys = [
            name + MARK + mark for name in (b"a", b"a b", b"a.txt") for mark in (FOLDER, TIME % 9, TIME % 10, CURRENT)
        ]
        self.assertEqual(sorted(keys), keys)
        self.assertEqual([FoundKey(key, None).name for key in keys[::4]], [b"a", b"a b", b"a.txt"])
