"""The transports that the JSON front end needs: Twisted's provide their members."""

from __future__ import annotations

from twisted.internet.tcp import Connection
from twisted.internet.unix import Server
from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.json.transport import BufferedTransport, ConnectionTransport


class TransportTests(SynchronousTestCase):
    """The installed Twisted has the members that are used beyond its interfaces."""

    def test_twisted(self) -> None:
        """TCP's and UNIX sockets' transports have each method and attribute, and TLS's each method but startTLS."""
        attributes = set(BufferedTransport.__annotations__) | set(ConnectionTransport.__annotations__)
        methods = {name for name in vars(ConnectionTransport) if not name.startswith("_")}
        self.assertEqual(attributes, {"bufferSize", "SEND_LIMIT"})
        self.assertIn("startTLS", methods)
        for kind in (Connection, Server):
            missing = [name for name in (attributes | methods) - {"getHandle"} if not hasattr(kind, name)]
            self.assertEqual(missing, [], kind)
        self.assertEqual([name for name in methods - {"startTLS"} if not hasattr(BufferingTLSTransport, name)], [])
