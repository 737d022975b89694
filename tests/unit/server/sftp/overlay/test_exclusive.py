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
        give_back = names.take(parse("a"))
        assert give_back is not None
        self.assertIsNone(names.take(parse("a")))
        give_back()
        other = names.take(parse("a"))
        give_back()
        self.assertIsNone(names.take(parse("a")), "it is another's now")
        assert other is not None
        other()
        self.assertEqual(len(names), 0)
