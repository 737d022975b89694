"""Connections of the HTTPS front end: logins, and revoked ones."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.endpoint import parse
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.model import WriteRequest
from homeftp.server.http.messages import HttpRequest, HttpResponse
from tests.support.httpclient import basic
from tests.support.httpconnections import ConnectionCase, echo
from tests.support.linkcases import notice_revoked


class LoginTests(ConnectionCase):
    """Members and strangers."""

    def test_login(self) -> None:
        """Members are let in with their password; strangers get 401, and a wrong password does too."""
        self.assertEqual(self.client.ask("GET", "/m").status, 401)
        self.assertEqual(self.client.ask("GET", "/m", (basic(password="wrong"),)).status, 401)
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)
        login = self.members.requests[0].login
        assert login is not None
        self.assertEqual((login.account, login.actor("PUT").front_end), ("ann", "https"))
        self.assertIsNone(self.handler.requests[0].login if self.handler.requests else None)

    def test_revoked(self) -> None:
        """A revoked login ends the request that uses it; a connection without one serves the next login."""
        idle, busy, other = (self.web.connect() for _ in range(3))
        self.assertEqual(idle.ask("GET", "/m", (basic(),)).status, 200)
        self.members.answer = lambda request: Deferred()
        busy.send("GET", "/m", (basic(),))
        (login,) = self.server.services.logins.logins()
        login.disconnect()
        for client in (idle, busy):
            client.link.pump()
        self.assertEqual((idle.closed, busy.closed, login.connections), (False, True, []))
        self.assertEqual(other.ask("GET", "/t").status, 200)
        self.members.answer = echo
        self.assertEqual(idle.ask("GET", "/m").status, 401)
        self.assertEqual(idle.ask("GET", "/m", (basic(),)).status, 200)
        (again,) = self.server.services.logins.logins()
        self.assertIsNot(again, login)

    def test_revoked_idle(self) -> None:
        """A connection whose login was revoked must log in again in time, as a new one."""
        idle, used = self.web.connect(), self.web.connect()
        for client in (idle, used):
            self.assertEqual(client.ask("GET", "/m", (basic(),)).status, 200)
        (login,) = self.server.services.logins.logins()
        login.disconnect()
        self.assertEqual(used.ask("GET", "/m", (basic(),)).status, 200)
        self.web.clock.advance(self.server.services.limits.login_seconds)
        for client in (idle, used):
            client.link.pump()
        self.assertEqual((idle.closed, used.closed), (True, False))

    def test_changed(self) -> None:
        """Requests go on when the account changes, with the login that it has now; those being carried out end."""
        self.server.state.add_account("ann", None)
        busy = self.web.connect()
        files = [lambda request: request.login.files("GET").stat(parse("a"))]

        async def stat(request: HttpRequest) -> HttpResponse:
            await files[-1](request)
            return HttpResponse(200)

        self.members.answer = stat
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)
        waiting: Deferred[None] = Deferred()
        files.append(lambda request: waiting)
        busy.send("GET", "/m", (basic(),))
        files.pop()
        AccessTable(self.server.state).change("ann", AccessChange(links=True))
        self.web.clock.advance(2 * GRANTED_SECONDS)
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)
        notice_revoked(self.server)
        for client in (self.client, busy):
            client.link.pump()
        self.assertEqual((self.client.closed, busy.closed), (False, True))
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)

    def test_revoked_upload(self) -> None:
        """The revocation of a login ends an upload in progress, of which nothing is kept."""

        async def put(request: HttpRequest) -> HttpResponse:
            assert request.login is not None
            await request.login.files("PUT").upload(WriteRequest(endpoint=parse("a"), size=None), request.body)
            return HttpResponse(201)

        self.members.answer = put
        self.client.send("PUT", "/m", (basic(), ("Transfer-Encoding", "chunked")), b"3\r\nabc\r\n")
        (login,) = self.server.services.logins.logins()
        login.disconnect()
        self.client.link.pump()
        self.assertTrue(self.client.closed)
        self.assertEqual(self.client.received, b"")
        self.assertIsNone(self.server.store.stat(parse("a")))
