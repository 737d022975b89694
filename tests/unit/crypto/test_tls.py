"""Whom either end of TLS trusts, shown with real handshakes in memory."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from typing import Any

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from homeftp.config import ALPN
from homeftp.crypto import tls
from homeftp.crypto.ca import Identity, home_domain, open_identity, server_name
from homeftp.errors import UntrustedServer
from tests.support.handshakes import SECRET, Authority, Talker, dns, handshake, now


def fresh_identity() -> Identity:
    """A home that no other test knows."""
    with tempfile.TemporaryDirectory() as state:
        return open_identity(state, now=now)


def lax_server(identity: Identity, **choices: Any) -> ssl.CertificateOptions:
    """A server with Twisted's own choices, which presents no CA."""
    own: dict[str, Any] = {"privateKey": identity.key, "certificate": identity.certificate}
    return ssl.CertificateOptions(acceptableProtocols=[ALPN], **own, **choices)


class ServerNameTests(SynchronousTestCase):
    """A client that knows a home refuses every other server before its own first byte."""

    def setUp(self) -> None:
        """A home, and the client that pinned it."""
        self.home = Authority()
        self.pinned = self.home.server().ca_pem

    def assert_refused(self, impostor: Identity) -> Failure:
        """The impostor is refused and hears nothing; a true server, met in the same way, is heard (the control)."""
        server, client = handshake(tls.server_options(self.home.server()), tls.client_options(self.pinned))
        self.assertEqual((server.received, client.reason), (SECRET, None))

        server, client = handshake(tls.server_options(impostor), tls.client_options(self.pinned))
        self.assertEqual(server.received, b"")
        self.assertFalse(client.secured)
        assert client.reason is not None
        return client.reason

    def test_wrong_name(self) -> None:
        """Another name under the same CA does not pass."""
        reason = self.assert_refused(self.home.server(names=dns("server." + "a" * 32 + ".homeftp.internal")))
        reason.trap(SSL.Error)

    def test_no_name(self) -> None:
        """A certificate without a name, or with names that cannot be read, does not pass."""
        for names in (
            None,
            x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x00"),
            x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x04\x82\x02\xff\xfe"),
            x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"garbage"),
            dns("*.*.homeftp.internal"),
        ):
            self.assert_refused(self.home.server(names=names)).trap(SSL.Error)

    def test_unknown_ca(self) -> None:
        """The right name from a CA that only calls itself as the home's does, does not pass."""
        other_home = Authority(name=self.home.name)
        reason = self.assert_refused(other_home.server(names=dns(server_name(self.home.certificate))))
        reason.trap(SSL.Error)

    def test_expired(self) -> None:
        """Yesterday's certificate does not pass."""
        self.assert_refused(self.home.server(start=timedelta(days=-3), end=timedelta(days=-1))).trap(SSL.Error)

    def test_not_yet_valid(self) -> None:
        """Tomorrow's certificate does not pass."""
        self.assert_refused(self.home.server(start=timedelta(days=1))).trap(SSL.Error)

    def test_wrong_usage(self) -> None:
        """A certificate for clients does not pass, even with the server's name."""
        self.assert_refused(self.home.server(usage=ExtendedKeyUsageOID.CLIENT_AUTH)).trap(SSL.Error)

    def test_no_usage(self) -> None:
        """A certificate that does not say what it is for is not taken for a server's."""
        self.assert_refused(self.home.server(usage=None)).trap(SSL.Error)

    def test_wildcard(self) -> None:
        """A name that stands for many is not the server's."""
        self.assert_refused(self.home.server(names=dns(f"*.{home_domain(self.home.certificate)}"))).trap(SSL.Error)

    def test_device(self) -> None:
        """A device of the home cannot pass as its server, even one that was let have a server's usage."""
        name = f"device.{home_domain(self.home.certificate)}"
        self.assert_refused(self.home.server(names=dns(name), usage=ExtendedKeyUsageOID.CLIENT_AUTH))
        self.assert_refused(self.home.server(names=dns(name))).trap(SSL.Error)

    def test_changed_pin(self) -> None:
        """Another home, valid in itself, is not the one that was pinned."""
        self.assert_refused(fresh_identity()).trap(SSL.Error)

    def test_signed_by_server(self) -> None:
        """A server's own key makes no certificates, though the home's CA made it."""
        real = self.home.server()
        helper = Authority(name="server", key=real.key)
        forged = attrs.evolve(helper.server(names=dns(server_name(self.home.certificate))), ca=real.certificate)
        self.assert_refused(forged).trap(SSL.Error)

    def test_no_certificate_pinned(self) -> None:
        """A damaged pin is reported in one line."""
        self.assertRaises(UntrustedServer, tls.client_options, b"no certificate")


class IdentityTests(SynchronousTestCase):
    """The client's TLS options accept the certificates that `open_identity` makes."""

    def test_connected(self) -> None:
        """A client that pinned a home's CA talks to the home's server."""
        identity = fresh_identity()
        server, client = handshake(tls.server_options(identity), tls.client_options(identity.ca_pem))
        self.assertEqual((server.received, client.secured, client.reason), (SECRET, True, None))

    def test_name_not_sent(self) -> None:
        """The network does not learn from the client's hello which home it is."""
        identity = fresh_identity()
        _, client = handshake(tls.server_options(identity), tls.client_options(identity.ca_pem))
        self.assertIsNone(client.transport.getHandle().get_servername())  # type: ignore[union-attr]


class VersionTests(SynchronousTestCase):
    """TLS 1.3, and 1.2 only where the owner opts down."""

    def test_1_2_refused(self) -> None:
        """A client with TLS 1.2 only is refused unless the owner allows it; then its cipher is an ECDHE-AEAD one."""
        identity = fresh_identity()

        def old() -> ssl.CertificateOptions:
            return ssl.CertificateOptions(lowerMaximumSecurityTo=ssl.TLSVersion.TLSv1_2, acceptableProtocols=[ALPN])

        server, client = handshake(tls.server_options(identity), old())
        self.assertEqual((server.received, client.secured), (b"", False))

        server, client = handshake(tls.server_options(identity, "1.2"), old())
        self.assertEqual(server.received, SECRET)
        connection = server.transport.getHandle()  # type: ignore[union-attr]
        self.assertEqual(connection.get_protocol_version_name(), "TLSv1.2")
        self.assertRegex(connection.get_cipher_name(), "^ECDHE-ECDSA-(AES...-GCM|CHACHA20)")

    def test_1_2_weak_ciphers(self) -> None:
        """Opting down to TLS 1.2 lets in neither CBC nor CCM, though Twisted's own choice would."""
        identity = fresh_identity()
        weak = ssl.AcceptableCiphers.fromOpenSSLCipherString("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-CCM")

        def old() -> ssl.CertificateOptions:
            return ssl.CertificateOptions(
                lowerMaximumSecurityTo=ssl.TLSVersion.TLSv1_2, acceptableProtocols=[ALPN], acceptableCiphers=weak
            )

        server, _ = handshake(lax_server(identity), old())
        self.assertEqual(server.received, SECRET)

        server, _ = handshake(tls.server_options(identity, "1.2"), old())
        self.assertEqual(server.received, b"")

    def test_client_refuses_1_2(self) -> None:
        """Our own client does not go down to TLS 1.2 by itself either."""
        identity = fresh_identity()
        old = lax_server(identity, lowerMaximumSecurityTo=ssl.TLSVersion.TLSv1_2)
        server, client = handshake(old, tls.client_options(identity.ca_pem))
        self.assertEqual((server.received, client.secured), (b"", False))

        server, client = handshake(old, tls.client_options(identity.ca_pem, minimum="1.2"))
        self.assertEqual((server.received, client.secured), (SECRET, True))


class ApplicationProtocolTests(SynchronousTestCase):
    """What speaks another protocol does not get as far as a line."""

    def offering(self, *protocols: bytes) -> tuple[Talker, Talker]:
        """A handshake with a client that trusts anyone and offers these protocols."""
        client = ssl.CertificateOptions(acceptableProtocols=list(protocols) or None)
        return handshake(tls.server_options(fresh_identity()), client)

    def test_ours(self) -> None:
        """A client that offers homeftp/1 among others gets it."""
        server, _ = self.offering(b"http/1.1", ALPN)
        self.assertEqual(server.received, SECRET)
        self.assertTrue(tls.negotiated_ok(server.transport, required=True))  # type: ignore[arg-type]

    def test_others_only(self) -> None:
        """A browser is refused in the handshake."""
        server, client = self.offering(b"h2", b"http/1.1")
        self.assertEqual((server.received, server.secured), (b"", False))
        for talker in (server, client):
            assert talker.reason is not None
            talker.reason.trap(SSL.Error)
        self.assertIn("no application protocol", str(client.reason))

    def test_others_go_on(self) -> None:
        """One that was refused does not spoil the handshakes after it, by the same options."""
        options = tls.server_options(fresh_identity())
        for offered, received in ((b"h2", b""), (ALPN, SECRET), (b"h2", b""), (ALPN, SECRET)):
            server, _ = handshake(options, ssl.CertificateOptions(acceptableProtocols=[offered]))
            self.assertEqual(server.received, received)

    def test_none(self) -> None:
        """A client without ALPN, such as `openssl s_client`, is accepted, but can be distinguished."""
        server, _ = self.offering()
        self.assertEqual(server.received, SECRET)
        self.assertTrue(tls.negotiated_ok(server.transport))  # type: ignore[arg-type]
        self.assertFalse(tls.negotiated_ok(server.transport, required=True))  # type: ignore[arg-type]

    def test_lost(self) -> None:
        """A connection that is gone has negotiated nothing."""
        _, client = self.offering(ALPN)
        transport: Any = client.transport
        transport.abortConnection()
        transport.connectionLost(Failure(connectionDone.value))
        self.assertFalse(tls.negotiated_ok(transport))


class FirstContactTests(SynchronousTestCase):
    """What a client may learn from a server that it does not know yet."""

    def presented(self, server: Identity) -> x509.Certificate:
        """The CA as a client reads it from that server."""
        _, client = handshake(tls.server_options(server), tls.first_contact_options())
        self.assertTrue(client.secured)
        return tls.presented_ca(client.transport)  # type: ignore[arg-type]

    def test_home(self) -> None:
        """The CA of a home is what its server presents."""
        identity = fresh_identity()
        self.assertEqual(self.presented(identity), identity.ca)

    def assert_no_home(self, server: Identity) -> None:
        """That server's chain proves nothing; a true one of the same kind does (the control)."""
        home = Authority()
        self.assertEqual(self.presented(home.server()), home.certificate)
        self.assertRaises(UntrustedServer, self.presented, server)

    def test_borrowed_ca(self) -> None:
        """A server that presents another home's CA with its own certificate is refused; no fingerprint is shown."""
        victim = fresh_identity()
        thief = Authority(name="homeftp home")
        self.assert_no_home(attrs.evolve(thief.server(names=dns(victim.server_name)), ca=victim.ca))

    def test_other_name(self) -> None:
        """A certificate of the CA that is not the server's does not do."""
        home = Authority()
        self.assert_no_home(home.server(names=dns(f"device.{home_domain(home.certificate)}")))

    def test_other_usage(self) -> None:
        """A client's certificate does not do."""
        self.assert_no_home(Authority().server(usage=ExtendedKeyUsageOID.CLIENT_AUTH))

    def test_expired(self) -> None:
        """A certificate that later connections would refuse is refused at once."""
        self.assert_no_home(Authority().server(start=timedelta(days=-3), end=timedelta(days=-1)))

    def test_no_ca(self) -> None:
        """A certificate that signed itself, as its own CA, does not do."""
        home = Authority()
        leaf = home.sign(
            "server", home.key, names=dns(server_name(home.certificate)), usage=ExtendedKeyUsageOID.SERVER_AUTH
        )
        self.assert_no_home(Identity(leaf, leaf, home.key))

    def test_single(self) -> None:
        """A server that presents no CA is none of ours."""
        identity = fresh_identity()
        _, client = handshake(lax_server(identity), tls.first_contact_options())
        self.assertRaises(UntrustedServer, tls.presented_ca, client.transport)


class StartTLSTests(TestCase):
    """The same after STARTTLS on a real socket, where Twisted's transport is another one."""

    def test_start_tls(self) -> Deferred[None]:
        """The client reads the CA and the protocol from a transport that began in plaintext."""
        return Deferred.fromCoroutine(self.start_tls())

    async def start_tls(self) -> None:
        """Both ends on one loopback connection."""
        from twisted.internet import reactor

        identity = fresh_identity()
        secured: Deferred[None] = Deferred()
        lost: Deferred[None] = Deferred()

        class Server(Protocol):
            """Goes over to TLS at once."""

            def connectionMade(self) -> None:
                self.transport.startTLS(tls.server_options(identity))  # type: ignore[union-attr]

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                lost.callback(None)

        @implementer(IHandshakeListener)
        class Client(Protocol):
            """Likewise."""

            def connectionMade(self) -> None:
                self.transport.startTLS(tls.first_contact_options())  # type: ignore[union-attr]

            def handshakeCompleted(self) -> None:
                secured.callback(None)

        listening: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        port = await listening.listen(Factory.forProtocol(Server))
        self.addCleanup(port.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client: Any = await connectProtocol(endpoint, Client())
        await secured
        self.assertEqual(tls.presented_ca(client.transport), identity.ca)
        self.assertTrue(tls.negotiated_ok(client.transport, required=True))
        client.transport.loseConnection()
        await lost
