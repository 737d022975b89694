"""The tables of phases: what is legal when, for both roles."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.status import Status
from homeftp.wire.messages import Response
from homeftp.wire.states import (
    HELLO,
    LEGAL,
    LOGIN,
    PAIR,
    QUIT,
    RENEW,
    RESERVED_TYPES,
    STARTTLS,
    TRANSITIONS,
    ConnectionState,
    Phase,
    Role,
    proves_login,
)

TYPES = (*sorted(RESERVED_TYPES), "GET", "NONSENSE", "")


class TableTests(SynchronousTestCase):
    """The tables are complete, and say what the protocol page says."""

    def test_complete(self) -> None:
        """Every phase has a row in every table."""
        self.assertEqual(set(TRANSITIONS), set(Phase))
        for role in Role:
            self.assertEqual(set(LEGAL[role]), set(Phase))

    def test_one_way(self) -> None:
        """No sequence of transitions leads back to a phase that was left, and all lead to CLOSING."""
        order = list(Phase)
        for phase, following in TRANSITIONS.items():
            self.assertIn(Phase.CLOSING, following)
            for each in following - {Phase.CLOSING}:
                self.assertGreater(order.index(each), order.index(phase))

    def test_nothing_in_the_handshake(self) -> None:
        """Between STARTTLS and the end of the handshake nothing is legal, in either role (CVE-2011-0411)."""
        for role in Role:
            for phase in (Phase.HANDSHAKE, Phase.CLOSING):
                for request_type in TYPES:
                    self.assertIsNotNone(ConnectionState(phase, role).refusal(request_type), (role, phase))

    def test_server_accepts_no_more_than_a_client_sends(self) -> None:
        """A client may send all that a server accepts: no legal request is refused by our own client."""
        for phase in Phase:
            for request_type in TYPES:
                if ConnectionState(phase, Role.SERVER).refusal(request_type) is None:
                    self.assertIsNone(ConnectionState(phase, Role.CLIENT).refusal(request_type), (phase, request_type))


class StateTests(SynchronousTestCase):
    """A connection goes through the phases, and refuses what is not legal."""

    def test_refusals(self) -> None:
        """A server refuses with the status that belongs to the phase."""
        refused = {
            (phase, request_type): refusal.status
            for phase in Phase
            for request_type in TYPES
            if (refusal := ConnectionState(phase).refusal(request_type)) is not None
        }
        for request_type in TYPES:
            plain = refused.get((Phase.PLAIN, request_type))
            self.assertEqual(plain, None if request_type == STARTTLS else Status.TLS_REQUIRED)
            before_login: Status | None = Status.LOGIN_REQUIRED
            if request_type == STARTTLS:
                before_login = Status.BAD_REQUEST
            elif request_type in (HELLO, LOGIN, PAIR, QUIT):
                before_login = None
            self.assertEqual(refused.get((Phase.UNAUTHENTICATED, request_type)), before_login)
            after_login = refused.get((Phase.AUTHENTICATED, request_type))
            self.assertEqual(after_login, Status.BAD_REQUEST if request_type == STARTTLS else None)

    def test_advance(self) -> None:
        """Only the transitions of the table happen; any other is a bug and raises."""
        for role in Role:
            for start in Phase:
                for end in Phase:
                    state = ConnectionState(start, role)
                    if end in TRANSITIONS[start]:
                        state.advance(end)
                        self.assertIs(state.phase, end)
                    else:
                        self.assertRaises(RuntimeError, state.advance, end)
                        self.assertIs(state.phase, start)


class ProofTests(SynchronousTestCase):
    """What shows a client that it is logged in."""

    def test_proofs(self) -> None:
        """LOGIN that is accepted, HELLO with an account, and any success that needs a login; no refusal, no PAIR."""
        account = {"account": "ann"}
        for request_type, response, proven in [
            (LOGIN, Response(0), True),
            (LOGIN, Response(32), False),
            (HELLO, Response(0, body=account), True),
            (HELLO, Response(0, body={"account": None}), False),
            (HELLO, Response(0), False),
            (HELLO, Response(54, body=account), False),
            (PAIR, Response(0), False),
            (QUIT, Response(0), False),
            (RENEW, Response(0), True),
            ("GET", Response(0, more=True), True),
            ("CMP", Response(14), True),
            ("GET", Response(31), False),
            ("GET", Response(40), False),
        ]:
            self.assertEqual(proves_login(request_type, response), proven, (request_type, response))
