"""Which code answers a request: the session itself, a dispatcher, or a refusal."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.config import Limits
from homeftp.errors import ShuttingDown
from homeftp.interfaces import IDispatcher, IRequest, IResolution
from homeftp.server.json.router import BEFORE_LOGIN, Router
from homeftp.status import Status
from homeftp.wire.states import Phase
from tests.support.inmemory import PASSWORD, Connection, Server


@attrs.frozen
class Text:
    """A body."""

    text: str = ""


@implementer(IDispatcher)
class Echo:
    """Answers with what it was given."""

    request_type = "ECHO"
    body_type = Text

    def __init__(self) -> None:
        self.requests: list[IRequest] = []

    def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        self.requests.append(request)
        resolution.resolve(Status.OK, request.body.text)


@implementer(IDispatcher)
class Failing:
    """A dispatcher with a bug."""

    request_type = "FAIL"
    body_type = Text

    def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        raise ZeroDivisionError("secret detail")


class RouterTests(SynchronousTestCase):
    """A server with two dispatchers of its own."""

    def setUp(self) -> None:
        self.echo = Echo()
        self.server = Server.make(extra=[self.echo, Failing()])
        self.addCleanup(self.server.close)

    def test_few_before_login(self) -> None:
        """A client that does not log in may make few requests; then it is refused, and the connection closes."""
        connection = Connection(self.server, login=False)
        most = BEFORE_LOGIN + Limits().login_attempts
        self.assertEqual([connection.ask("HELLO").status for _ in range(most)], [Status.OK] * most)
        self.assertEqual(connection.ask("HELLO").status, Status.BUSY)
        self.assertTrue(connection.transport.disconnecting)
        logged_in = Connection(self.server)
        self.assertEqual([logged_in.ask("HELLO").status for _ in range(2 * most)], [Status.OK] * (2 * most))

    def test_dispatcher(self) -> None:
        """A request of a dispatcher's type reaches it, with the account, its files, and the body decoded."""
        answer = Connection(self.server).ask("ECHO", {"text": "hello"})
        self.assertEqual((answer.status, answer.message), (Status.OK, "hello"))
        (request,) = self.echo.requests
        self.assertEqual((request.request_type, request.body, request.account), ("ECHO", Text("hello"), "ann"))
        self.assertFalse(request.cancelled())

    def test_refused(self) -> None:
        """A wrong body and an unknown type are refused, and the connection goes on."""
        connection = Connection(self.server)
        for request_type, body, status in (
            ("ECHO", {"text": 5}, Status.BAD_REQUEST),
            ("NONE", {}, Status.UNKNOWN_REQUEST_TYPE),
            ("ECHO", {}, Status.OK),
        ):
            self.assertEqual(connection.ask(request_type, body).status, status)
        self.assertEqual(len(self.echo.requests), 1)

    def test_failing(self) -> None:
        """A dispatcher that raises is answered 50, which the log explains, and the connection goes on."""
        connection = Connection(self.server)
        for request_type, status in (("FAIL", Status.INTERNAL), ("ECHO", Status.OK)):
            answer = connection.ask(request_type)
            self.assertEqual(answer.status, status)
            self.assertNotIn("secret detail", answer.message)
        (logged,) = self.flushLoggedErrors(ZeroDivisionError)
        self.assertIn("secret detail", logged.getErrorMessage(), "the control")

    def test_turns_before_login(self) -> None:
        """Before the login the addresses that one machine can take share one turn; two machines never do."""

        connection = Connection(self.server, login=False).protocol

        def account(address: str) -> str:
            return Router(self.server.json, connection, Phase.UNAUTHENTICATED, address).account

        self.assertEqual(account("2001:db8::1"), account("2001:db8::2"))
        self.assertNotEqual(account("2001:db8::1"), account("2001:db8:0:1::1"))
        self.assertNotEqual(account("192.0.2.1"), account("192.0.2.2"))

    def test_before_login(self) -> None:
        """Without a login no dispatcher is reached, and the connection closes; HELLO names no dispatcher."""
        connection = Connection(self.server, login=False)
        hello = connection.ask("HELLO")
        self.assertEqual((hello.body["account"], "ECHO" in hello.body["request_types"]), (None, False))
        self.assertEqual(connection.ask("ECHO").status, Status.LOGIN_REQUIRED)
        self.assertEqual((self.echo.requests, connection.transport.disconnecting), ([], True))

    def test_own_turn(self) -> None:
        """The session's own requests take their turn among those of the account, like all others."""
        connection, in_flight = Connection(self.server), self.server.services.requests
        running: list[Deferred[None]] = [Deferred() for _ in range(self.server.json.server.limits.account_in_flight)]
        waiting = list(running)
        for _ in running:
            in_flight.run("ann", waiting.pop)
        connection.send("HELLO")
        self.assertEqual(connection.responses(), [])
        running[0].callback(None)
        self.assertEqual([answer.status for answer in connection.responses()], [Status.OK])

    def test_behind_login(self) -> None:
        """A request that is sent behind a LOGIN is answered after it; behind one that fails it is refused."""
        for password, statuses in ((PASSWORD, [0, 0]), ("wrong", [Status.LOGIN_FAILED, Status.LOGIN_REQUIRED])):
            connection = Connection(self.server, login=False)
            connection.send("LOGIN", {"username": "ann", "password": password})
            connection.send("ECHO")
            self.assertEqual([each.status for each in connection.responses()], statuses)

    def test_hello(self) -> None:
        """After a login HELLO names the account, what it may do, and the dispatchers."""
        hello: dict[str, Any] = Connection(self.server).ask("HELLO").body
        self.assertEqual(hello["account"], "ann")
        self.assertIn("ECHO", hello["request_types"])
        self.assertIs(hello["similar_names"], False)
        self.assertEqual((hello["read_only"], hello["server"]), (False, self.server.services.tls.identity.server_name))

    def test_stopping(self) -> None:
        """A server that stops refuses what had not begun."""
        connection = Connection(self.server)
        connection.protocol.session.stopping = True
        self.assertEqual(connection.ask("ECHO").status, ShuttingDown.status)
        self.assertEqual(self.echo.requests, [])

    def test_session(self) -> None:
        """The router knows the login and the phase."""
        connection = Connection(self.server)
        router = connection.protocol.session
        self.assertIs(router.state.phase, Phase.AUTHENTICATED)
        self.assertEqual(router.login and router.login.account, "ann")
