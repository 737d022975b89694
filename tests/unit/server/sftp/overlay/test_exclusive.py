"""Names that are taken before everyone sees them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.server.sftp.overlay.exclusive import ExclusiveNames


class ExclusiveTests(SynchronousTestCase):
    """The names of one server."""

    def test_taken(self) -> None:
        """A name is taken once; given back, by whom it was taken, it can be taken again."""
        names = ExclusiveNames()
        release = names.reserve(parse("a"))
        assert release is not None
        self.assertIsNone(names.reserve(parse("a")))
        release()
        other = names.reserve(parse("a"))
        release()
        self.assertIsNone(names.reserve(parse("a")), "it is another's now")
        assert other is not None
        other()
        self.assertEqual(len(names), 0)
