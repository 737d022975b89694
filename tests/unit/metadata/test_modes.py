"""Modes that stores keep, and which count as the same."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.metadata.modes import kept_mode, same_mode


class ModeTests(SynchronousTestCase):
    """The bits that every file and directory has."""

    def test_kept(self) -> None:
        """The owner can read a file and use a directory; the other bits are those that were asked for, and nine."""
        for mode in range(0o10000):
            self.assertEqual(kept_mode("file", mode), mode & 0o777 | 0o400)
            self.assertEqual(kept_mode("directory", mode), mode & 0o777 | 0o700)

    def test_same(self) -> None:
        """What a store keeps for a mode is the same as that mode; nothing else is."""
        self.assertTrue(same_mode("file", 0, 0o400))
        self.assertTrue(same_mode("file", 0o644, 0o644))
        self.assertTrue(same_mode("directory", 0o055, 0o755))
        self.assertTrue(same_mode("file", 0o200, 0o200), "a store that keeps it whole")
        self.assertTrue(same_mode("file", 0o600, None), "a store that keeps none")
        for existing in (0o600, 0o500):
            self.assertFalse(same_mode("file", 0, existing))
        self.assertFalse(same_mode("file", 0o600, 0o200), "a file that another program changed")
