"""Why a connection ended, in words for people."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.failures import before_tls, explained
from homeftp.client.errors import ConnectionFailed
from homeftp.errors import Refusal, UntrustedServer
from homeftp.wire.states import Phase


class FailureTests(SynchronousTestCase):
    """Each kind of end has its error, and no two of them the same words."""

    def test_phases(self) -> None:
        """The reason depends on the phase; only a failed handshake can mean a server that is not trusted."""
        refused = SSL.Error([("SSL routines", "", "certificate verify failed")])
        other = SSL.Error([("SSL routines", "", "no application protocol")])
        found = [
            (explained(Phase.PLAIN, ConnectionDone()), ConnectionFailed),
            (explained(Phase.HANDSHAKE, ConnectionDone()), ConnectionFailed),
            (explained(Phase.HANDSHAKE, VerificationError(errors=[])), UntrustedServer),
            (explained(Phase.HANDSHAKE, refused), UntrustedServer),
            (explained(Phase.HANDSHAKE, other), ConnectionFailed),
            (explained(Phase.AUTHENTICATED, refused), ConnectionFailed),
        ]
        for error, kind in found:
            self.assertIs(type(error), kind)
        self.assertEqual(len({str(error) for error, _ in found}), len(found))
        self.assertIn("no application protocol", str(found[4][0]))

    def test_own_certificate(self) -> None:
        """A server that refuses this machine's certificate is named as the cause, also after TLS 1.3 began."""
        alert = SSL.Error([("SSL routines", "", "tls alert certificate expired")])
        for phase in (Phase.HANDSHAKE, Phase.AUTHENTICATED):
            error = explained(phase, alert)
            self.assertIs(type(error), ConnectionFailed)
            self.assertIn("refuses this machine's certificate (tls alert certificate expired)", str(error))
        self.assertIn("was lost", str(explained(Phase.AUTHENTICATED, SSL.Error([("SSL routines", "", "bad record")]))))

    def test_before_tls(self) -> None:
        """A message from before TLS is shown short and harmless, and is no refusal of the server."""
        error = before_tls("no\x1b[2J\nroom" + "x" * 1000)
        self.assertNotIsInstance(error, Refusal)
        self.assertIn("no\\x1b[2J\\nroomxxx", str(error))
        self.assertTrue(str(error).isprintable())
        self.assertLess(len(str(error)), 500)
