"""A test that cannot run says so, and fails where nothing may be skipped."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import FailTest, SkipTest, SynchronousTestCase

from tests.support import needs


class NeedsTests(SynchronousTestCase):
    """Missing requirements are named."""

    def under(self, **environment: str) -> None:
        """Have this environment alone decide."""
        patch = mock.patch.dict(os.environ, environment)
        patch.start()
        self.addCleanup(patch.stop)
        if not environment:
            os.environ.pop("HOMEFTP_TESTS_SKIP_NOTHING", None)

    def test_there(self) -> None:
        """A requirement that is met lets the test run."""
        needs.require("nothing", lambda: True)
        self.assertTrue(os.path.isfile(needs.program("sh")))

    def test_skipped(self) -> None:
        """A missing requirement skips the test, with the reason."""
        self.under()
        with self.assertRaisesRegex(SkipTest, "needs the program no-such-program"):
            needs.program("no-such-program")
        with self.assertRaisesRegex(SkipTest, "/dev/no-such-device"):
            needs.device("/dev/no-such-device")

    def test_failed(self) -> None:
        """A missing requirement is a failure where nothing may be skipped."""
        self.under(HOMEFTP_TESTS_SKIP_NOTHING="1")
        with self.assertRaisesRegex(FailTest, "nothing may be skipped"):
            needs.require("the moon", lambda: False)
