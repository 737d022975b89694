"""The steps of a pairing, without a protocol."""

from __future__ import annotations

from typing import Any, Coroutine, TypeVar
from unittest import mock

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.invitations import InvitationState
from homeftp.accounts.pairing import PairingAttempt
from homeftp.config import Limits
from homeftp.crypto.devicecert import device_id, new_request
from homeftp.crypto.pake import Code, PakeExchange, Proofs
from homeftp.errors import BadRequest, Busy, LoginFailed
from homeftp.interfaces import guest
from tests.support import replay
from tests.support.inmemory import SESSION_SECRET, Server

ADDRESS = "192.0.2.7"
T = TypeVar("T")


class PairingTests(SynchronousTestCase):
    """A server with a code for ann."""

    def setUp(self) -> None:
        self.server = Server.make(limits=Limits(guesses=4))
        self.addCleanup(self.server.close)
        self.service = self.server.json.parts.pairings
        self.code = self.service.invitations.make("ann", 600).code

    def run_it(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.successResultOf(Deferred.fromCoroutine(work))
        return result

    def fails(self, work: Coroutine[Any, Any, Any], *kinds: type[Exception]) -> None:
        self.failureResultOf(Deferred.fromCoroutine(work), *kinds)

    def begin(
        self, code: Code, secret: bytes = SESSION_SECRET, address: str = ADDRESS
    ) -> tuple[PairingAttempt, Proofs]:
        """The first step, and the device's proofs."""
        half = PakeExchange(code, is_server=False)
        attempt = self.run_it(self.service.begin(code.number, half.message, SESSION_SECRET, address))
        return attempt, half.finish(attempt.message, secret)

    def test_paired(self) -> None:
        """A right proof gives the server's proof, then a certificate with the device's id; then the code is used."""
        attempt, proofs = self.begin(self.code)
        self.assertNotIn(self.code.words, repr(attempt))
        self.assertEqual(self.run_it(self.service.prove(attempt, proofs.device)), proofs.server)
        certificate, device = self.run_it(self.service.pair(attempt, new_request()[1], "Laptop"))
        self.assertEqual((device.name, device.account), ("ann-laptop", "ann"))
        self.assertEqual(device_id(certificate, self.server.services.tls.identity.ca), device.id)
        (kept,) = Devices(self.server.state).all()
        self.assertEqual((kept.id, kept.name, kept.address), (device.id, device.name, ADDRESS))
        self.assertEqual(kept.expires, certificate.not_valid_after_utc.timestamp())
        self.fails(self.service.pair(attempt, new_request()[1], "again"), LoginFailed)
        (record,) = replay.lines(self.server.folder)
        self.assertEqual((record["event"], record["device"], record["address"]), ("pairing", "ann-laptop", ADDRESS))

    def test_typed(self) -> None:
        """A code that is typed into a page is right or wrong as a proof is, and counts with those."""
        wrong = Code(self.code.number, "zone-zone")
        self.run_it(self.service.check_typed(self.code, ADDRESS, "https"))
        self.fails(self.service.check_typed(wrong, ADDRESS, "https"), LoginFailed)
        attempt, proofs = self.begin(self.code)
        self.fails(self.service.prove(attempt, bytes(32)), LoginFailed)
        self.fails(self.service.check_typed(wrong, ADDRESS, "https"), LoginFailed)
        self.fails(self.service.check_typed(self.code, ADDRESS, "https"), LoginFailed)
        found = self.service.invitations.find(self.code.number)
        assert found is not None
        self.assertEqual(found.state, InvitationState.CANCELLED)
        told = [each.get("front_end") for each in replay.lines(self.server.folder)]
        self.assertEqual(told, ["https", None, "https", "https"])
        self.fails(self.service.check_typed(self.code, ADDRESS, "https"), Busy)
        self.assertNotEqual(proofs.device, bytes(32))

    def test_queue(self) -> None:
        """The steps of a client wait in the queue of its address, as those of its handshake and its requests do."""
        workers = mock.Mock(of=mock.Mock(return_value=self.service.workers))
        self.service = attrs.evolve(self.service, workers=workers)
        attempt, proofs = self.begin(self.code, address="2001:db8::7")
        self.run_it(self.service.prove(attempt, proofs.device))
        self.run_it(self.service.pair(attempt, new_request()[1], "laptop"))
        self.assertEqual(workers.of.call_args_list, [mock.call(guest("2001:db8::/64"))] * 3)

    def test_same_machine(self) -> None:
        """A machine that pairs again with the account is the same device; on another account it is another one."""

        def pair(account: str, name: str, machine: str | None) -> Device:
            self.code = self.service.invitations.make(account, 600).code
            attempt, proofs = self.begin(self.code)
            self.run_it(self.service.prove(attempt, proofs.device))
            certificate, device = self.run_it(self.service.pair(attempt, new_request()[1], name, machine))
            self.assertEqual(device_id(certificate, self.server.services.tls.identity.ca), device.id)
            return device

        first = pair("ann", "laptop", "ab" * 32)
        again = pair("ann", "renamed", "ab" * 32)
        self.assertEqual((again.id, again.name), (first.id, first.name))
        for account, machine in (("bob", "ab" * 32), ("ann", "cd" * 32), ("ann", None), ("ann", None)):
            self.assertNotIn(pair(account, "laptop", machine).id, {first.id})
        self.assertEqual(len(Devices(self.server.state).all()), 5)
        Devices(self.server.state).revoke(first.name)
        self.assertNotEqual(pair("ann", "laptop", "ab" * 32).id, first.id, "what was revoked stays revoked")

    def test_bad_request(self) -> None:
        """A signing request that cannot be certified pairs nothing, and leaves the code as it is."""
        attempt, proofs = self.begin(self.code)
        self.run_it(self.service.prove(attempt, proofs.device))
        self.fails(self.service.pair(attempt, b"nonsense", "laptop"), BadRequest)
        self.assertEqual(Devices(self.server.state).all(), [])
        self.run_it(self.service.pair(attempt, new_request()[1], "laptop"))

    def guess(self, number: int, guesses: int) -> list[str]:
        """What wrong tries at a number are told."""
        said = []
        for _ in range(guesses):
            address = f"10.0.{number // 100}.{number % 100}"
            attempt, proofs = self.begin(Code(number, "acorn-acorn"), address=address)
            work = Deferred.fromCoroutine(self.service.prove(attempt, proofs.device))
            said.append(str(self.failureResultOf(work, LoginFailed).value))
        return said

    def unknown(self) -> int:
        """A number that no code has."""
        known = {each.code.number for each in self.service.invitations.all()}
        return next(number for number in range(1000, 1010) if number not in known)

    def test_ended(self) -> None:
        """A code that was used, cancelled or has expired is answered like a number that no code has."""
        invitations = self.service.invitations
        unknown = self.guess(self.unknown(), 4)
        attempt, proofs = self.begin(self.code)
        self.run_it(self.service.prove(attempt, proofs.device))
        self.run_it(self.service.pair(attempt, new_request()[1], "laptop"))
        withdrawn, expired = invitations.make("ann", 600), invitations.make("ann", -1)
        invitations.cancel(withdrawn.code.number)
        for number in (self.code.number, withdrawn.code.number, expired.code.number):
            self.assertEqual(self.guess(number, 4), unknown, number)
        number = self.unknown() + 20
        early = self.guess(number, 2)
        with mock.patch("homeftp.accounts.invitations.NUMBERS", range(number, number + 1)):
            guessed = invitations.make("ann", 600)
        self.assertEqual(early + self.guess(guessed.code.number, 2), unknown, "it was guessed before it was made")

    def test_tries_left(self) -> None:
        """Each wrong try says how many are left, and a number that no code has is answered in the same words."""
        said = self.guess(self.unknown(), 4)
        self.assertEqual(self.guess(self.code.number, 4), said)
        first, second, third, fourth = said
        self.assertIn("two tries are left", first)
        self.assertIn("one try is left", second)
        self.assertNotIn("left", third + fourth)

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
        self.fails(self.service.pair(attempt, b"x", "laptop"), BadRequest)
        self.run_it(self.service.pair(attempt, new_request()[1], "laptop"))

    def test_secret(self) -> None:
        """Neither the code nor the proofs are in what is shown of an attempt."""
        attempt, _ = self.begin(self.code)
        self.assertNotIn(self.code.words, repr(attempt))
        self.assertNotIn("Proofs", repr(attempt))
