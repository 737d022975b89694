"""One failure among many is a result, not the end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.policy.outcomes import catch


class CatchTests(SynchronousTestCase):
    """Results."""

    def test_results(self) -> None:
        """What is returned, or what is raised; what ends a program is not held back."""
        self.assertEqual(catch(int, "7"), 7)
        self.assertEqual(catch(int, "11", base=2), 3)
        self.assertIsInstance(catch(int, "x"), ValueError)
        self.assertRaises(SystemExit, catch, exit)
