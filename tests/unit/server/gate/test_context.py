"""What the server gives to its front ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import MIB, MIN_PIECE, STREAM_PIECE
from homeftp.interfaces import IServerContext
from homeftp.wire.codec import encode_request
from tests.support.inmemory import Connection, Server


class ServerContextTests(SynchronousTestCase):
    """The context of a server in memory."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.context = self.server.services

    def test_interface(self) -> None:
        """It is what front ends expect."""
        verifyObject(IServerContext, self.context)

    def test_payload(self) -> None:
        """Payloads of all front ends, and those of the JSON protocol, share one budget: the more, the less of each."""
        connection = Connection(self.server)
        connection.send_raw(encode_request("PUSH", {"rel_endpoint": "a"}, content_length=4 * MIB) + b"\n")
        self.assertEqual(self.context.budget.streams, 1, "the control: of the JSON protocol")
        alone = self.context.payload(4 * MIB, lambda: None)
        others = [self.context.payload(4 * MIB, lambda: None) for _ in range(200)]
        self.assertEqual((self.context.budget.streams, alone.piece), (202, STREAM_PIECE))
        others[-1].deliver(bytes(MIN_PIECE))
        alone.deliver(bytes(MIN_PIECE))
        self.assertEqual((others[-1].full, alone.full), (True, False))
