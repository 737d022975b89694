"""Refusals as SFTP's codes."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BY_STATUS, INTERNAL_ERROR, Forbidden, NoSpace, NotFound
from homeftp.server.sftp.statuses import status_of
from homeftp.server.sftp.wire.numbers import StatusCode


class StatusTests(SynchronousTestCase):
    """The table."""

    def test_refusals(self) -> None:
        """Each refusal has a code, and keeps its message; none is OK or the end of a file."""
        for refusal in BY_STATUS.values():
            code, message = status_of(refusal("why"))
            self.assertEqual(message, "why")
            self.assertGreater(code, StatusCode.EOF)
        for refused, code in (
            (NotFound, StatusCode.NO_SUCH_FILE),
            (Forbidden, StatusCode.PERMISSION_DENIED),
            (NoSpace, StatusCode.FAILURE),
        ):
            self.assertEqual(status_of(refused("why"))[0], code)

    def test_faults(self) -> None:
        """A fault is logged, and its client learns nothing of it; a lost connection is none."""
        self.assertEqual(status_of(ConnectionLost())[0], StatusCode.FAILURE)
        self.assertEqual(status_of(KeyError("secret")), (StatusCode.FAILURE, INTERNAL_ERROR))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
