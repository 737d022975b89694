"""Logins that are kept between requests."""

from __future__ import annotations

import os
from typing import Any, Callable

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.errors import Internal, LoginFailed, OperatorError
from homeftp.interfaces import ILogin, ILoginService
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.server.http.logincache import IDLE_SECONDS, MOST_LOGINS, LoginCache
from tests.support.httpclient import HttpServer
from tests.support.inmemory import PASSWORD


class LoginCacheTests(SynchronousTestCase):
    """One cache."""

    def setUp(self) -> None:
        self.web = HttpServer(lambda context: {}, own_accounts=True)
        self.web.server.state.add_account("ann", None)
        self.addCleanup(self.web.close)
        self.asked = 0
        self.held: list[Deferred[None]] | None = None
        self.meanwhile: Callable[[], object] = int
        self.clock = Clock()
        self.cache = LoginCache(lambda: self, self.clock, "https")  # type: ignore[arg-type, return-value]

    def login(self, credentials: ICredentials, address: str, front_end: str | None) -> Deferred[ILogin]:
        """The service."""
        self.asked += 1
        service: ILoginService = self.web.server.services.logins
        if self.held is None:
            return service.login(credentials, address, front_end)
        held: Deferred[None] = Deferred()
        self.held.append(held)
        return held.addCallback(lambda _: service.login(credentials, address, front_end)).addCallback(self.made)

    def made(self, login: ILogin) -> ILogin:
        """The service has made a login; `meanwhile` happens before those who asked know it."""
        self.meanwhile()
        return login

    def ask(self, password: str = PASSWORD, address: str = "192.0.2.1") -> Deferred[Any]:
        made = self.cache.login(UsernamePassword(b"ann", password.encode()), password.encode(), address)
        return Deferred.fromCoroutine(made)

    def test_kept(self) -> None:
        """The same credentials from the same address have the same login; others have their own."""
        login = self.successResultOf(self.ask())
        self.assertIs(self.successResultOf(self.ask()), login)
        self.assertIsNot(self.successResultOf(self.ask(address="192.0.2.2")), login)
        self.assertEqual((self.asked, len(self.cache)), (2, 2))

    def test_together(self) -> None:
        """Requests that come while the credentials are checked wait for that."""
        self.held = []
        waiting = [self.ask() for _ in range(3)]
        self.held[0].callback(None)
        self.assertEqual(len({id(self.successResultOf(each)) for each in waiting}), 1)
        self.assertEqual(self.asked, 1)

    def test_wrong(self) -> None:
        """Wrong credentials are checked anew each time, and fail for all who wait."""
        self.held = []
        waiting = [self.ask("wrong") for _ in range(2)]
        self.held[0].callback(None)
        for each in waiting:
            self.failureResultOf(each, LoginFailed)
        self.assertEqual(len(self.cache), 0)
        self.held = None
        self.failureResultOf(self.ask("wrong"), LoginFailed)
        self.assertEqual(self.asked, 2)

    def test_idle(self) -> None:
        """A login is closed when no connection has used it for a while; requests and connections keep it."""
        login = self.successResultOf(self.ask())
        self.cache.use(login)
        self.clock.pump([IDLE_SECONDS / 2] * 6)
        self.assertFalse(login.closed)
        self.cache.release(login)
        self.clock.pump([IDLE_SECONDS / 2] * 3)
        self.assertTrue(login.closed)
        self.assertEqual((len(self.cache), self.clock.getDelayedCalls()), (0, []))

    def test_revoked(self) -> None:
        """A revoked login is not used again."""
        login = self.successResultOf(self.ask())
        login.disconnect()
        self.assertIsNot(self.successResultOf(self.ask()), login)
        self.assertTrue(login.closed)

    def change(self) -> None:
        """The account is changed, by another process."""
        AccessTable(self.web.server.state).change("ann", AccessChange(links=True))
        self.clocks_on()

    def clocks_on(self) -> None:
        """For longer than what a job has found counts."""
        self.web.clock.advance(2 * GRANTED_SECONDS)

    def test_changed(self) -> None:
        """Once the account has changed the same credentials have a new login, before the server has noticed."""
        login = self.successResultOf(self.ask())
        self.clocks_on()
        self.assertIs(self.successResultOf(self.ask()), login, "the control")
        self.change()
        again = self.successResultOf(self.ask())
        self.assertIsNot(again, login)
        self.assertEqual((login.closed, again.closed, len(self.cache)), (True, False, 1))
        self.assertIs(self.successResultOf(self.ask()), again)

    def test_changed_in_use(self) -> None:
        """A login that has ended stays open while a connection uses it, so that a revocation reaches that."""
        login = self.successResultOf(self.ask())
        self.cache.use(login)
        self.change()
        self.assertIsNot(self.successResultOf(self.ask()), login)
        self.assertFalse(login.closed)
        self.cache.release(login)
        self.assertTrue(login.closed)

    def test_changed_while_checked(self) -> None:
        """Requests that waited for a login that has ended meanwhile get another one, together."""
        self.held = []
        waiting = [self.ask() for _ in range(3)]
        self.meanwhile = self.change
        self.held.pop().callback(None)
        self.meanwhile = int
        first = self.successResultOf(waiting[0])
        self.assertEqual(len(self.held), 1)
        self.held.pop().callback(None)
        second, third = (self.successResultOf(each) for each in waiting[1:])
        self.assertIs(second, third)
        self.assertIsNot(second, first)

    def test_changed_credentials(self) -> None:
        """Where the credentials are not good any more they are refused, and nothing is kept."""
        login = self.successResultOf(self.ask())
        self.web.server.state.remove_account("ann")
        self.clocks_on()
        self.failureResultOf(self.ask(), LoginFailed)
        self.assertEqual((login.closed, len(self.cache)), (True, 0))

    def test_unknown(self) -> None:
        """Where it cannot be found out whether a login is valid no request gets it."""
        self.successResultOf(self.ask())
        path = os.path.join(self.web.server.folder, "state.sqlite")
        os.rename(path, path + ".away")
        self.clocks_on()
        self.failureResultOf(self.ask(), Internal)
        self.flushLoggedErrors(OperatorError)
        os.rename(path + ".away", path)
        self.successResultOf(self.ask())

    def test_bounded(self) -> None:
        """There are no more than so many; the one that was used least recently goes first."""
        first, second = (self.successResultOf(self.ask(address=f"192.0.3.{each}")) for each in range(2))
        for number in range(MOST_LOGINS - 1):
            self.successResultOf(self.ask(address=f"10.0.{number // 256}.{number % 256}"))
            self.successResultOf(self.ask(address="192.0.3.0"))
        self.assertEqual((first.closed, second.closed, len(self.cache)), (False, True, MOST_LOGINS))

    def test_crowded(self) -> None:
        """Who has most loses one: however many log in to one account, another's login stays, which costs a check."""
        self.web.server.state.add_account("ben", None)
        both = {name: PASSWORD.encode() for name in ("ann", "ben")}
        self.web.server.portal.registerChecker(InMemoryUsernamePasswordDatabaseDontUse(**both))
        made = self.cache.login(UsernamePassword(b"ben", PASSWORD.encode()), b"ben's", "192.0.2.9")
        other = self.successResultOf(Deferred.fromCoroutine(made))
        first = self.successResultOf(self.ask())
        for number in range(MOST_LOGINS):
            self.successResultOf(self.ask(address=f"10.0.{number // 256}.{number % 256}"))
        self.assertEqual((other.closed, first.closed, len(self.cache)), (False, True, MOST_LOGINS))

    def test_stop(self) -> None:
        """When the server stops all are closed, those in use once their connections have ended."""
        used, other = self.successResultOf(self.ask()), self.successResultOf(self.ask(address="192.0.2.2"))
        self.cache.use(used)
        self.cache.stop()
        self.assertEqual((used.closed, other.closed), (False, True))
        self.cache.release(used)
        self.assertTrue(used.closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
