"""The steps of a pairing, without a protocol."""

from __future__ import annotations

from typing import Any, Coroutine, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import InvitationState
from homeftp.accounts.pairing import PairingAttempt
from homeftp.config import Limits
from homeftp.crypto.devicecert import device_id, new_request
from homeftp.crypto.pake import Code, PakeExchange, Proofs
from homeftp.errors import BadRequest, Busy, LoginFailed
from tests.support import replay
from tests.support.inmemory import SESSION_SECRET, Server

ADDRESS = "192.0.2.7"
T = TypeVar("T")


class PairingTests(SynchronousTestCase):
    """A server with a code for ann."""

    def setUp(self) -> None:
        self.server = Server.make(limits=Limits(guesses=4))
        self.addCleanup(self.server.close)
        self.service = self.server.services.pairings
        self.code = self.service.invitations.make("ann", 600).code

    def run_it(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.successResultOf(Deferred.fromCoroutine(work))
        return result

    def fails(self, work: Coroutine[Any, Any, Any], *kinds: type[Exception]) -> None:
        self.failureResultOf(Deferred.fromCoroutine(work), *kinds)

    def begin(self, code: Code, secret: bytes = SESSION_SECRET) -> tuple[PairingAttempt, Proofs]:
        """The first step, and the device's proofs."""
        half = PakeExchange(code, is_server=False)
        attempt = self.run_it(self.service.begin(code.number, half.message, SESSION_SECRET, ADDRESS))
        return attempt, half.finish(attempt.message, secret)

    def test_paired(self) -> None:
        """A right proof gives the server's proof, then a certificate with the device's id; then the code is used."""
        attempt, proofs = self.begin(self.code)
        self.assertEqual(self.run_it(self.service.prove(attempt, proofs.device)), proofs.server)
        certificate, device = self.run_it(self.service.admit(attempt, new_request()[1], "Laptop"))
        self.assertEqual((device.name, device.account), ("ann-laptop", "ann"))
        self.assertEqual(device_id(certificate, self.server.services.tls.identity.ca), device.id)
        self.assertEqual(Devices(self.server.state).all(), [device])
        self.fails(self.service.admit(attempt, new_request()[1], "again"), LoginFailed)
        (record,) = replay.lines(self.server.folder)
        self.assertEqual((record["event"], record["device"], record["address"]), ("pairing", "ann-laptop", ADDRESS))

    def test_wrong(self) -> None:
        """A wrong code, an unknown number and another TLS session fail in the same way; three tries cancel a code."""
        number = self.code.number
        for code, secret in (
            (Code(number, "acorn-acorn"), SESSION_SECRET),
            (Code(number + 500, self.code.words), SESSION_SECRET),
            (self.code, bytes(len(SESSION_SECRET))),
        ):
            attempt, proofs = self.begin(code, secret)
            self.fails(self.service.prove(attempt, proofs.device), LoginFailed)
        found = self.service.invitations.find(number)
        assert found is not None
        self.assertIs(found.state, InvitationState.OPEN)
        attempt, proofs = self.begin(Code(number, "acorn-acorn"))
        self.fails(self.service.prove(attempt, proofs.device), LoginFailed)
        found = self.service.invitations.find(number)
        assert found is not None
        self.assertIs(found.state, InvitationState.CANCELLED)

    def test_throttled(self) -> None:
        """After too many wrong codes from one address right ones are not looked at."""
        for _ in range(4):
            attempt, proofs = self.begin(Code(900, "acorn-acorn"))
            self.fails(self.service.prove(attempt, proofs.device), LoginFailed)
        attempt, proofs = self.begin(self.code)
        self.fails(self.service.prove(attempt, proofs.device), Busy)

    def test_bad_input(self) -> None:
        """A message that is none of SPAKE2's, and a request that is no signing request, are refused as such."""
        self.fails(self.service.begin(self.code.number, b"x" * 33, SESSION_SECRET, ADDRESS), BadRequest)
        attempt, proofs = self.begin(self.code)
        self.run_it(self.service.prove(attempt, proofs.device))
        self.fails(self.service.admit(attempt, b"x", "laptop"), BadRequest)
        self.run_it(self.service.admit(attempt, new_request()[1], "laptop"))

    def test_secret(self) -> None:
        """Neither the code nor the proofs are in what is shown of an attempt."""
        attempt, _ = self.begin(self.code)
        self.assertNotIn(self.code.words, repr(attempt))
        self.assertNotIn("Proofs", repr(attempt))
