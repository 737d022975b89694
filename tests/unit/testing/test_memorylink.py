"""Two protocols joined in memory: delivery, back-pressure, TLS, closing and aborting."""

from __future__ import annotations

import os

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto import tls
from homeftp.crypto.ca import open_identity
from homeftp.host import now
from homeftp.testing.memorylink import BUFFER_SIZE, MemoryLink


class Recorder(Protocol):
    """Records what it receives, and why its connection ended."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[type[BaseException]] = []

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.type is not None
        self.ends.append(reason.type)


class Producer:
    """Counts how often it was paused and resumed."""

    def __init__(self) -> None:
        self.paused = self.resumed = 0

    def pauseProducing(self) -> None:
        self.paused += 1

    def resumeProducing(self) -> None:
        self.resumed += 1


class LinkCase(SynchronousTestCase):
    """A client and a server that only record."""

    def setUp(self) -> None:
        self.client, self.server = Recorder(), Recorder()
        self.link = MemoryLink(self.client, self.server, Clock())


class DeliveryTests(LinkCase):
    """Bytes move only in `pump`."""

    def test_pump(self) -> None:
        """Nothing is delivered before `pump`, and everything by it, in both directions."""
        self.link.near.write(b"ask")
        self.link.far.writeSequence([b"ans", b"wer"])
        self.assertEqual((self.client.pieces, self.server.pieces), ([], []))
        self.assertTrue(self.link.pump())
        self.assertEqual((self.client.pieces, self.server.pieces), ([b"answer"], [b"ask"]))
        self.assertFalse(self.link.pump())

    def test_split(self) -> None:
        """`split` delivers in pieces of that size."""
        self.link.near.write(b"abcde")
        self.link.pump(split=2)
        self.assertEqual(self.server.pieces, [b"ab", b"cd", b"e"])

    def test_paused_reader(self) -> None:
        """A paused end receives nothing, and everything when it resumes."""
        self.link.far.pauseProducing()
        self.link.near.write(b"data")
        self.assertFalse(self.link.pump())
        self.link.far.resumeProducing()
        self.assertTrue(self.link.pump())
        self.assertEqual(self.server.pieces, [b"data"])

    def test_producer(self) -> None:
        """A producer is paused by more than the buffer size, not by less, and is resumed after delivery."""
        producer = Producer()
        self.link.near.registerProducer(producer, True)
        self.link.near.write(bytes(BUFFER_SIZE))
        self.assertEqual(producer.paused, 0)
        self.link.near.write(b"x")
        self.assertEqual((producer.paused, producer.resumed), (1, 0))
        self.link.pump()
        self.assertEqual(producer.resumed, 1)
        self.link.near.unregisterProducer()
        self.link.near.write(bytes(2 * BUFFER_SIZE))
        self.assertEqual(producer.paused, 1)


class EndTests(LinkCase):
    """The end of a connection."""

    def test_close(self) -> None:
        """Closing delivers what was written before; later writes are discarded; each end learns of it once."""
        self.link.near.write(b"last")
        self.link.near.loseConnection()
        self.link.near.write(b"late")
        self.link.pump()
        self.link.pump()
        self.assertEqual(self.server.pieces, [b"last"])
        self.assertEqual((self.client.ends, self.server.ends), ([ConnectionDone], [ConnectionDone]))

    def test_abort(self) -> None:
        """Aborting discards what was not delivered."""
        self.link.near.write(b"lost")
        self.link.near.abortConnection()
        self.link.pump()
        self.assertEqual(self.server.pieces, [])
        self.assertEqual((self.client.ends, self.server.ends), ([ConnectionLost], [ConnectionLost]))

    def test_cut(self) -> None:
        """A broken connection ends for both at once, without `pump`, and only once."""
        self.link.cut()
        self.link.cut()
        self.assertEqual((self.client.ends, self.server.ends), ([ConnectionDone], [ConnectionDone]))


class TLSTests(LinkCase):
    """Real TLS over the link."""

    def setUp(self) -> None:
        super().setUp()
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder, 0o700)
        self.identity = open_identity(folder, now=now)

    def test_encrypted(self) -> None:
        """After `startTLS` at both ends content arrives, and what went over the wire does not contain it."""
        self.link.near.startTLS(tls.client_options(self.identity.ca_pem))
        self.link.far.startTLS(tls.server_options(self.identity))
        self.link.near.write(b"secret content")
        self.link.pump()
        self.assertEqual(b"".join(self.server.pieces), b"secret content")
        self.assertNotIn(b"secret content", self.link.near.sent)
        self.assertEqual(self.link.far.getHandle().get_protocol_version_name(), "TLSv1.3")
        self.link.near.loseConnection()
        self.link.pump()
        self.assertEqual((self.client.ends, self.server.ends), ([ConnectionDone], [ConnectionDone]))
