"""The results of one step."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Busy, Internal
from homeftp.files.history.results import raise_failure, refusal_of


class ResultTests(SynchronousTestCase):
    """What concerns one file, and what ends all of it."""

    def test_refusal(self) -> None:
        """A refusal is one result among others; a bug is raised."""
        refused = Busy("it is being put back")
        self.assertIs(refusal_of(refused), refused)
        self.assertRaises(ZeroDivisionError, refusal_of, ZeroDivisionError())

    def test_failure(self) -> None:
        """Where the server fails at all files it ends; where it has done one of them, or has none to do, it goes on."""
        failed = Internal("the disk failed")
        self.assertIs(self.assertRaises(Internal, raise_failure, [failed, Internal("again")]), failed)
        for results in ([], [failed, None], [Busy("x"), failed]):
            raise_failure(results)
