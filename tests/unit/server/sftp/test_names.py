"""Paths: made plain before anything sees them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT
from homeftp.errors import BadEndpoint
from homeftp.server.sftp.names import endpoint_of, plain_parts, shown_path
from tests.support.repeatable import REPEATABLE

PARTS = [b"..", b".", b"", b"a", b"\x00", b"\xff", b"a\\b", b"%2e%2e", b"...", "\u0301".encode()]
"""What may leave the top somewhere."""


class NameTests(SynchronousTestCase):
    """What paths name."""

    def test_plain(self) -> None:
        """Paths begin at the top, which nothing leaves."""
        for path, shown in ((b"", b"/"), (b"/a//b/./", b"/a/b"), (b"a/../../b", b"/b"), (b"..", b"/")):
            self.assertEqual(shown_path(plain_parts(path)), shown)
        self.assertEqual((endpoint_of(b"/"), str(endpoint_of(b"a/b"))), (ROOT, "a/b"))
        self.assertRaises(BadEndpoint, endpoint_of, b"\xff")
        self.assertRaises(BadEndpoint, endpoint_of, b"a/.homeftp")

    @REPEATABLE
    @given(
        st.lists(
            st.sampled_from([b"..", b".", b"", b"a", b"\x00", b"\xff", b"a\\b", b"%2e%2e", b"...", "\u0301".encode()])
        )
    )
    def test_any(self, parts: list[bytes]) -> None:
        """Whatever a path is, it names something beneath the top, or nothing."""
        try:
            found = endpoint_of(b"/".join(parts))
        except BadEndpoint:
            return
        self.assertNotIn("..", found.parts)
        self.assertTrue(all(found.parts))
