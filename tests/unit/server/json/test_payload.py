"""A payload that has arrived with its request: whole, readable once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import PIECE
from homeftp.errors import TooLarge
from homeftp.interfaces import IPayload
from homeftp.server.json.payload import WholePayload


class WholePayloadTests(SynchronousTestCase):
    """A payload that has arrived."""

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IPayload, WholePayload(b""))

    def test_pieces(self) -> None:
        """It is read in bounded pieces, then as empty."""
        content = bytes(range(256)) * (PIECE // 100)
        payload = WholePayload(content)
        pieces = []
        while piece := self.successResultOf(Deferred.fromCoroutine(payload.read())):
            self.assertLessEqual(len(piece), PIECE)
            pieces.append(piece)
        self.assertEqual(b"".join(pieces), content)

    def test_limit(self) -> None:
        """Over the limit it is refused, and at the limit it is not."""
        reading = Deferred.fromCoroutine(WholePayload(b"12345").read_all(4))
        self.assertIn("4", self.failureResultOf(reading, TooLarge).value.message)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(WholePayload(b"1234").read_all(4))), b"1234")
