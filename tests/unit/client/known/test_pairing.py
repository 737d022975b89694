"""A real client and a real server that pair, with real TLS between them; and those who sit in between."""

from __future__ import annotations

import json
from typing import Any, Coroutine, TypeVar, cast
from unittest import mock

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import InvitationState
from homeftp.client import Client
from homeftp.client.dial import connect
from homeftp.client.known.pairing import PairingResult, pair, pair_over, renew
from homeftp.crypto import tls
from homeftp.crypto.ca import open_identity
from homeftp.crypto.devicecert import device_id
from homeftp.crypto.pake import Code
from homeftp.discovery import short
from homeftp.errors import Busy, Internal, LoginFailed, Refusal, UntrustedServer
from homeftp.interfaces import IAccount
from homeftp.server.json.protocol import ServerProtocol
from tests.support.endpoints import FakeEndpoint
from tests.support.fakeserver import EvilServer, Wire
from tests.support.handshakes import now
from tests.support.inmemory import Server

T = TypeVar("T")


class PairingCase(SynchronousTestCase):
    """A home with an open code."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.identity = open_identity(self.server.folder, now=now)
        self.invitations = self.server.json.parts.pairings.invitations
        self.code = self.invitations.make("ann", 600).code

    def connect(self, options: Any = None) -> Wire:
        """A connection to the server, with TLS; by default of a client that knows no server."""
        wire = Wire(
            clock=self.server.clock, server=self.server.protocol(), options=options or tls.first_contact_options()
        )
        wire.pump()
        return wire

    def run_work(self, wire: Wire, work: Coroutine[Any, Any, T]) -> T:
        begun = Deferred.fromCoroutine(work)
        wire.pump()
        results: list[Any] = []
        begun.addBoth(results.append)
        self.assertEqual(len(results), 1, "it waits for something that does not come")
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def pair(self) -> PairingResult:
        wire = self.connect()
        return self.run_work(wire, pair_over(Client(wire.client), self.code, "laptop"))

    def member(self, paired: PairingResult) -> tuple[Wire, Client]:
        """A connection of the device's."""
        own = tls.device_identity(paired.certificate, paired.key)
        wire = self.connect(tls.client_options(paired.ca, own=own))
        return wire, Client(wire.client)


class PairTests(PairingCase):
    """Pairing without a man in the middle."""

    def test_paired(self) -> None:
        """The device gets a certificate of the home and is logged in by it, without LOGIN."""
        paired = self.pair()
        self.assertEqual((paired.host, paired.account, paired.device), ("nas", "ann", "ann-laptop"))
        self.assertEqual((paired.fingerprint, paired.ca), (self.identity.fingerprint, self.identity.ca_pem))
        wire, client = self.member(paired)
        self.assertEqual(self.run_work(wire, client.hello()).account, "ann")
        self.assertEqual(self.run_work(wire, client.cmp("nothing")).remote, None)
        login = cast(ServerProtocol, wire.server).session.login
        self.assertEqual(login and login.device, "ann-laptop")

    def test_endpoint(self) -> None:
        """`pair` connects by itself; with an announced fingerprint it tries the code only with a server that has it."""
        own = self.identity.fingerprint
        for announced, is_paired in (("0" * 16, False), (short(own), True)):
            endpoint = FakeEndpoint(self.server)
            work = pair(self.server.clock, endpoint, self.code, device="laptop", announced=announced)
            running = Deferred.fromCoroutine(work)
            assert endpoint.wire is not None
            endpoint.wire.pump()
            if is_paired:
                paired = self.successResultOf(running)
                self.assertEqual((paired.address, paired.fingerprint), (endpoint, own))
            else:
                self.failureResultOf(running, UntrustedServer)
                self.assertEqual(self.invitations.open_code(self.code.number), self.code)

    def test_connect(self) -> None:
        """`connect` logs in by the certificate; after the device was removed it says that it is no longer paired."""
        paired = self.pair()
        device = tls.device_identity(paired.certificate, paired.key)
        for is_removed in (False, True):
            if is_removed:
                Devices(self.server.state).revoke(paired.device)
            endpoint = FakeEndpoint(self.server)
            work = connect(self.server.clock, endpoint, ca=paired.ca, device_identity=device)
            running = Deferred.fromCoroutine(work)
            assert endpoint.wire is not None
            endpoint.wire.pump()
            if is_removed:
                reason = self.failureResultOf(running, LoginFailed)
                self.assertIn("no longer paired", str(reason.value))
            else:
                self.assertEqual(self.successResultOf(running).server_info.account, "ann")

    def test_pipelined(self) -> None:
        """Requests that a device sends before it has been looked up wait for that."""
        paired = self.pair()
        looked: Deferred[Any] = Deferred()
        with mock.patch.object(self.server.portal, "login", return_value=looked):
            wire, client = self.member(paired)
        asked = [Deferred.fromCoroutine(client.hello()), Deferred.fromCoroutine(client.hello())]
        wire.pump()
        for each in asked:
            self.assertNoResult(each)
        looked.callback((IAccount, self.server.account("ann"), lambda: None))
        wire.pump()
        self.assertEqual([self.successResultOf(each).account for each in asked], ["ann", "ann"])

    def test_not_looked_up(self) -> None:
        """A failed lookup of a device answers with the failure, not that the device is not paired."""
        paired = self.pair()
        for reason, kind in ((OSError(5, "the disk"), Internal), (Busy("too much to do"), Busy)):
            with mock.patch.object(Devices, "find_certified", side_effect=reason):
                wire, client = self.member(paired)
                hello = Deferred.fromCoroutine(client.hello())
                wire.pump()
            self.failureResultOf(hello, kind)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_secret(self) -> None:
        """Neither the code nor the key is in what is shown of a pairing."""
        paired = self.pair()
        self.assertNotIn("PRIVATE", repr(paired))

    def test_wrong_code(self) -> None:
        """A wrong code is the user's to mend."""
        wire = self.connect()
        begun = Deferred.fromCoroutine(pair_over(Client(wire.client), Code(self.code.number, "acorn-acorn"), "x"))
        wire.pump()
        self.assertIn("wrong, or no longer valid", str(self.failureResultOf(begun, LoginFailed).value))

    def test_revoked(self) -> None:
        """A revoked device is not logged in when it connects again; it may pair anew."""
        paired = self.pair()
        Devices(self.invitations.state).revoke("ann-laptop")
        wire, client = self.member(paired)
        self.assertIsNone(self.run_work(wire, client.hello()).account)
        with self.assertRaises(Refusal):
            self.run_work(wire, client.cmp("nothing"))

    def test_renewed(self) -> None:
        """A device gets its next certificate by the one it has, for a new key, under the same id."""
        paired = self.pair()
        wire, client = self.member(paired)
        certificate, key = self.run_work(wire, renew(client, paired.ca))
        self.assertNotEqual(key, paired.key)
        ids = {
            device_id(x509.load_pem_x509_certificate(each), self.identity.ca)
            for each in (certificate, paired.certificate)
        }
        self.assertEqual(len(ids), 1)
        self.assertNotIn(None, ids)
        wire = self.connect(tls.client_options(paired.ca, own=tls.device_identity(certificate, key)))
        self.assertEqual(self.run_work(wire, Client(wire.client).hello()).account, "ann")


class BetweenTests(PairingCase):
    """A man in the middle: he ends the client's TLS himself, and has one of his own to the server."""

    def setUp(self) -> None:
        super().setUp()
        self.victim = Wire(presented="mitm", options=tls.first_contact_options())
        self.victim.secure()
        self.upstream = self.connect()
        self.begun = Deferred.fromCoroutine(pair_over(Client(self.victim.client), self.code, "laptop"))
        self.victim.pump()

    def line(self) -> dict[str, Any]:
        """What the victim sends next."""
        assert isinstance(self.victim.server, EvilServer)
        return self.victim.server.take_line()

    def relay(self) -> dict[str, Any]:
        """Hand the victim's next request on; gives the server's answer, which the victim gets too."""
        asked = self.line()
        answer = self.run_work(self.upstream, Client(self.upstream.client).request("PAIR", asked["body"]).last())
        told = {"status": 0, "id": asked["id"], "body": answer.body}
        self.victim.say(told)
        self.victim.pump()
        return told

    def test_relayed(self) -> None:
        """He hands everything on, with the right code in the user's hand: neither end is convinced."""
        self.relay()
        with self.assertRaises(LoginFailed):
            self.relay()
        self.assertNoResult(self.begun)
        self.assertEqual(Devices(self.invitations.state).all(), [])

    def test_made_up(self) -> None:
        """He answers for the server: the client is not convinced, and has told him nothing of itself."""
        self.relay()
        asked = self.line()
        self.victim.say({"status": 0, "id": asked["id"], "body": {"proof": "00" * 32, "host": "nas"}})
        self.victim.pump()
        self.failureResultOf(self.begun, UntrustedServer)
        heard = json.dumps(asked) + self.victim.server.heard.decode()
        self.assertNotIn("laptop", heard)
        self.assertNotIn("CERTIFICATE", heard)

    def test_reflected(self) -> None:
        """He gives the client its own messages back."""
        asked = self.line()
        self.victim.say({"status": 0, "id": asked["id"], "body": {"message": asked["body"]["message"]}})
        self.victim.pump()
        self.failureResultOf(self.begun, UntrustedServer)

    def test_afterwards(self) -> None:
        """With the code on his screen after it was used he gets nowhere."""
        paired = self.pair()
        self.assertEqual(paired.account, "ann")
        found = self.invitations.find(self.code.number)
        assert found is not None
        self.assertEqual(found.state, InvitationState.USED)
        wire = self.connect()
        begun = Deferred.fromCoroutine(pair_over(Client(wire.client), self.code, "his"))
        wire.pump()
        self.failureResultOf(begun, LoginFailed)
        self.begun.addErrback(lambda failure: None)
