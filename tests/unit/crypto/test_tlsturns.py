"""The steps of a TLS handshake wait for their turn; what follows the handshake does not."""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.error import ConnectionLost
from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto import tls
from homeftp.crypto.tlsrecords import GroupedTLSTransport, group_records
from homeftp.crypto.tlsturns import TurnedTLSTransport, handshake_in_turn
from tests.support.fakeserver import Wire


class HandshakeTests(SynchronousTestCase):
    """A client's handshake with a server that decides when each step is made."""

    def setUp(self) -> None:
        self.turns: list[Callable[[], None]] = []
        self.wire = Wire()
        self.wire.client.secured.addErrback(lambda _: None)
        self.wire.pump()
        self.wire.server.take_line()
        self.wire.say({"status": 0, "message": "go ahead"})
        self.wire.far.startTLS(tls.server_options(self.wire.identity))
        handshake_in_turn(self.wire.far, self.turns.append)
        self.far: Any = self.wire.far.protocol
        self.wire.pump()

    def take_turns(self) -> int:
        """Make all steps; gives how many there were."""
        steps = 0
        while self.turns:
            self.turns.pop(0)()
            steps += 1
            self.wire.pump()
        return steps

    def test_waits(self) -> None:
        """Nothing is computed before the turn, nothing is read meanwhile, and the handshake ends as any other."""
        self.assertEqual((type(self.far), len(self.turns), self.far._handshakeDone), (TurnedTLSTransport, 1, False))
        self.assertFalse(self.wire.far.reading)
        self.assertEqual(self.take_turns(), 2)
        self.assertTrue(self.far._handshakeDone and self.wire.far.reading)
        self.wire.near.write(b"content")
        self.wire.pump()
        self.assertEqual((self.turns, self.wire.server.heard[-7:]), ([], b"content"))
        group_records(self.wire.far)
        self.assertIs(type(self.far), GroupedTLSTransport)

    def test_divided(self) -> None:
        """What arrives although nothing is read, as from another layer, belongs to the same step."""
        self.assertEqual(len(self.turns), 1)
        before = self.far._waiting
        self.far.dataReceived(b"more")
        self.assertEqual((self.far._waiting, len(self.turns)), (before + b"more", 1))

    def test_lost(self) -> None:
        """A step of a client that has gone is not made."""
        self.wire.far.disconnect(ConnectionLost())
        self.assertEqual(self.take_turns(), 1)
        self.assertFalse(self.far._handshakeDone)
        self.assertIsNotNone(self.wire.server.reason)

    def test_garbage(self) -> None:
        """What is no handshake ends the connection."""
        self.far._waiting = b"GET / HTTP/1.1\r\n\r\n"
        self.take_turns()
        self.assertTrue(self.wire.far.closing)

    def test_failing_step(self) -> None:
        """A step that fails in an unforeseen way ends the connection, and the error is passed on."""
        self.patch(BufferingTLSTransport, "dataReceived", lambda *_: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            self.turns.pop()()
        self.assertTrue(self.wire.far.aborted)

    def test_paused_by_protocol(self) -> None:
        """A protocol that reads nothing more once the handshake is complete has its way."""
        self.patch(BufferingTLSTransport, "dataReceived", lambda *_: self.wire.far.pauseProducing())
        self.turns.pop()()
        self.assertFalse(self.wire.far.reading)

    def test_others(self) -> None:
        """Transports without TLS, and those whose handshake is in turn already, are left alone."""
        handshake_in_turn(object(), self.turns.append)
        in_turn = self.far.in_turn
        handshake_in_turn(self.wire.far, lambda call: None)
        self.assertIs(self.far.in_turn, in_turn)
