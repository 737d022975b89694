"""PAIR and RENEW at the server: which codes admit a device, and which do not."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import Invitations, InvitationState
from homeftp.config import Limits
from homeftp.crypto.devicecert import new_request
from homeftp.crypto.pake import Code, PakeExchange, Proofs
from homeftp.server.logins import BEGUN_PER_TRIED
from homeftp.status import Status
from homeftp.wire.messages import Response
from tests.support.inmemory import SESSION_SECRET, Connection, Server

REQUEST = new_request()[1].decode()


class PairCase(SynchronousTestCase):
    """A server with an open code."""

    limits = Limits()

    def setUp(self) -> None:
        self.server = Server.make(limits=self.limits)
        self.addCleanup(self.server.close)
        self.invitations: Invitations = self.server.json.parts.pairings.invitations
        self.code = self.invitations.make("ann", 600).code
        self.connection = self.connect()
        self.said: list[str] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            self.said.append(str(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def connect(self) -> Connection:
        return Connection(self.server, login=False)

    def begin(self, code: Code, secret: bytes = SESSION_SECRET, connection: Connection | None = None) -> Proofs:
        """The first step; gives the proofs."""
        half = PakeExchange(code, is_server=False)
        answer = self.ask({"invitation": code.number, "message": half.message.hex()}, connection)
        self.assertEqual(answer.status, Status.OK, answer.message)
        return half.finish(bytes.fromhex(answer.body["message"]), secret)

    def ask(self, body: dict[str, Any], connection: Connection | None = None) -> Response:
        return (connection or self.connection).ask("PAIR", body)

    def try_code(self, code: Code, secret: bytes = SESSION_SECRET, connection: Connection | None = None) -> Response:
        """The first two steps."""
        return self.ask({"proof": self.begin(code, secret, connection).device.hex()}, connection)

    def invitation_state(self) -> InvitationState | None:
        found = self.invitations.find(self.code.number)
        return None if found is None else found.state

    def devices(self) -> list[str]:
        return [device.name for device in Devices(self.invitations.state).all()]


class PairTests(PairCase):
    """The three steps."""

    def test_paired(self) -> None:
        """The right code gives the server's proof, then a certificate; then it is used."""
        proofs = self.begin(self.code)
        answer = self.ask({"proof": proofs.device.hex()})
        self.assertEqual((answer.status, answer.body), (Status.OK, {"proof": proofs.server.hex(), "host": "nas"}))
        self.assertEqual((self.devices(), self.invitation_state()), ([], InvitationState.OPEN))
        answer = self.ask({"request": REQUEST, "device": "laptop"})
        self.assertEqual(answer.status, Status.OK, answer.message)
        self.assertEqual((answer.body["device"], answer.body["account"]), ("ann-laptop", "ann"))
        self.assertIn("BEGIN CERTIFICATE", answer.body["certificate"])
        self.assertEqual((self.devices(), self.invitation_state()), (["ann-laptop"], InvitationState.USED))
        self.assertEqual(self.ask({"request": REQUEST, "device": "laptop"}).status, Status.BAD_REQUEST)

    def test_wrong(self) -> None:
        """Wrong words, and the right ones in another TLS session, are refused alike."""
        for number, (code, secret) in enumerate(
            ((Code(self.code.number, "acorn-acorn"), SESSION_SECRET), (self.code, bytes(32)))
        ):
            answer = self.try_code(code, secret)
            self.assertEqual((answer.status, answer.body), (Status.LOGIN_FAILED, {}), number)
            self.assertEqual(self.ask({"request": REQUEST, "device": "x"}).status, Status.BAD_REQUEST)
        self.assertEqual((self.devices(), self.invitation_state()), ([], InvitationState.OPEN))
        self.assertEqual(self.try_code(self.code).status, Status.OK)

    def test_cancelled(self) -> None:
        """The third wrong try burns the code, over however many connections; the owner's log says so."""
        for _ in range(3):
            wrong = self.try_code(Code(self.code.number, "acorn-acorn"), connection=self.connect())
        self.assertEqual(self.invitation_state(), InvitationState.CANCELLED)
        answer = self.try_code(self.code, connection=self.connect())
        self.assertEqual((answer.status, answer.message), (wrong.status, wrong.message))
        self.assertEqual(len([event for event in self.said if "was cancelled after three" in event]), 1)
        self.assertFalse(any(self.code.words in event for event in self.said))

    def test_cancelled_between(self) -> None:
        """A code that is cancelled between two steps of a pairing admits no device."""
        self.assertEqual(self.try_code(self.code).status, Status.OK)
        for _ in range(3):
            self.try_code(Code(self.code.number, "acorn-acorn"), connection=self.connect())
        answer = self.ask({"request": REQUEST, "device": "laptop"})
        self.assertEqual((answer.status, self.devices()), (Status.LOGIN_FAILED, []))

    def test_unknown_number(self) -> None:
        """A number that there is not is answered as a wrong code is."""
        wrong = self.try_code(Code(self.code.number, "acorn-acorn"))
        unknown = self.try_code(Code(self.code.number + 1, "acorn-acorn"), connection=self.connect())
        self.assertEqual((unknown.status, unknown.message, unknown.body), (wrong.status, wrong.message, wrong.body))

    def test_three_for_a_connection(self) -> None:
        """A connection that was wrong three times is closed."""
        for _ in range(3):
            self.try_code(Code(self.code.number + 1, "acorn-acorn"))
        self.assertTrue(self.connection.transport.disconnecting)

    def test_out_of_turn(self) -> None:
        """A step out of turn, two at once, half of one, and nonsense are refused, and change nothing."""
        message = PakeExchange(self.code, is_server=False).message.hex()
        for body in (
            {},
            {"proof": "00" * 32},
            {"request": REQUEST, "device": "laptop"},
            {"invitation": self.code.number},
            {"message": message},
            {"device": "laptop"},
            {"invitation": self.code.number, "message": message, "proof": "00" * 32},
            {"invitation": self.code.number, "message": "42" + "00" * 32},
            {"invitation": self.code.number, "message": "41" + "ff" * 32},
            {"invitation": self.code.number, "message": message[2:]},
            {"invitation": -1, "message": message},
            {"proof": "AB" * 32},
        ):
            self.assertEqual(self.ask(body).status, Status.BAD_REQUEST, body)
        self.assertEqual(self.try_code(self.code).status, Status.OK)
        self.assertEqual(self.ask({"proof": "00" * 32}).status, Status.BAD_REQUEST)

    def test_no_request(self) -> None:
        """An invalid signing request is refused; a valid one after it, over the same connection, is not."""
        self.try_code(self.code)
        self.assertEqual(self.ask({"request": "x", "device": "laptop"}).status, Status.BAD_REQUEST)
        self.assertEqual((self.devices(), self.invitation_state()), ([], InvitationState.OPEN))
        self.assertEqual(self.ask({"request": REQUEST, "device": "laptop"}).status, Status.OK)

    def test_logged_in(self) -> None:
        """A connection that is logged in cannot pair."""
        answer = self.ask({"proof": "00" * 32}, Connection(self.server))
        self.assertEqual(answer.status, Status.BAD_REQUEST)

    def test_not_counted(self) -> None:
        """If a try cannot be counted, the answer does not reveal whether the code was right."""
        for code in (self.code, Code(self.code.number, "acorn-acorn")):
            proofs = self.begin(code)
            with mock.patch.object(Invitations, "reserve", side_effect=OSError(5, "the disk")):
                answer = self.ask({"proof": proofs.device.hex()})
            self.assertEqual((answer.status, answer.body), (Status.INTERNAL, {}))
            self.assertEqual(self.ask({"request": REQUEST, "device": "x"}).status, Status.BAD_REQUEST)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)
        self.assertEqual(self.try_code(self.code).status, Status.OK)

    def test_disk(self) -> None:
        """A disk that fails is the server's fault: it says so, and the log says why."""
        with mock.patch.object(Invitations, "open_code", side_effect=OSError(5, "the disk")):
            half = PakeExchange(self.code, is_server=False)
            answer = self.ask({"invitation": self.code.number, "message": half.message.hex()})
        self.assertEqual(answer.status, Status.INTERNAL)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class ThrottleTests(PairCase):
    """Guessing from one address."""

    limits = Limits(login_attempts=1000, guesses=4)

    def test_pair(self) -> None:
        """After too many wrong codes there is a pause, though each was for another invitation; then it goes on."""
        for number in range(self.limits.guesses):
            answer = self.try_code(Code(1000 + number, "acorn-acorn"))
            self.assertEqual(answer.status, Status.LOGIN_FAILED)
        answer = self.try_code(self.code)
        self.assertEqual(answer.status, Status.BUSY)
        self.assertIn("try again in 10 minutes", answer.message)
        self.server.clock.advance(601)
        self.assertEqual(self.try_code(self.code, connection=self.connect()).status, Status.OK)

    def test_begun(self) -> None:
        """A pairing that is begun and not tried is no guess, but costs computation and has a limit of its own."""
        half = PakeExchange(self.code, is_server=False)
        first = {"invitation": self.code.number, "message": half.message.hex()}
        most = BEGUN_PER_TRIED * self.limits.guesses
        statuses = [self.ask(first).status for _ in range(most + 1)]
        self.assertEqual(statuses, [Status.OK] * most + [Status.BUSY])
