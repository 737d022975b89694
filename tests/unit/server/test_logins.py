"""Composition of the services that log clients in."""

from __future__ import annotations

import os
from unittest import mock

from twisted.cred.credentials import UsernamePassword
from twisted.internet.task import Clock

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import PasswordChecker, hash_password
from homeftp.accounts.throttle import GuessLimit, OwnGuesses, Throttle
from homeftp.audit.log import Audit
from homeftp.config import Settings
from homeftp.endpoint import ROOT
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.interfaces.links import LinkTerms
from homeftp.interfaces.store import StoreOptions
from homeftp.server.logins import BEGUN_PER_TRIED, LoginServices, compose_logins
from homeftp.store.memory import MemoryStore
from homeftp.testing.pair import CHEAP, WEB_ORIGIN
from homeftp.workers.inline import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.logins import started
from tests.support.namedqueues import NamedQueues


class ComposeTests(QuickCase):
    """The services of a server without clients."""

    def compose(self) -> LoginServices:
        """The services; the kinds of guesses that they limit are in `kinds`."""
        folder = os.path.abspath(self.mktemp())
        self.state, clock, workers = AccountDatabase(folder), Clock(), InlineWorkers()
        self.kinds: list[tuple[str, int]] = []
        self.hashing = NamedQueues()

        def guesses(kind: str, times: int) -> GuessLimit:
            self.kinds.append((kind, times))
            return OwnGuesses(Throttle(clock, most=3 * times, seconds=60))

        store = MemoryStore(StoreOptions())
        return compose_logins(
            Settings(root=folder, state=folder),
            self.state,
            mock.Mock(spec=Audit),
            clock,
            store=lambda: store,
            files=FilesFactory(workers, MemoryBudget()),
            checkers=[PasswordChecker(self.state, self.hashing)],
            own_accounts=True,
            guesses=guesses,
            workers=workers,
            login_workers=workers,
            hashing=self.hashing,
            origin=lambda: WEB_ORIGIN,
            host="nas",
            cost=CHEAP,
        )

    def test_guesses(self) -> None:
        """Passwords, and codes, are limited by themselves; a pairing may be begun more often than a code tried."""
        self.compose()
        self.assertEqual(sorted(self.kinds), [("login", 1), ("pairing", 1), ("pairing begun", BEGUN_PER_TRIED)])

    def test_login(self) -> None:
        """An account that the database has logs in by its password."""
        services = self.compose()
        self.state.open()
        self.addCleanup(self.state.close)
        self.state.add_account("ann", hash_password("the password", CHEAP))
        credentials = UsernamePassword(b"ann", b"the password")
        login = self.successResultOf(services.logins.login(credentials, "192.0.2.1", None))
        self.assertEqual(login.account, "ann")

    def test_queues(self) -> None:
        """The passwords of new links are hashed in the queue of their account: it keeps nobody from logging in."""
        services = self.compose()
        self.state.open()
        self.addCleanup(self.state.close)
        password = hash_password("the password", CHEAP)
        AccessTable(self.state).add("ann", password, AccessChange(links=True))
        login = self.successResultOf(
            services.logins.login(UsernamePassword(b"ann", b"the password"), "192.0.2.1", None)
        )
        links = login.links
        assert links is not None
        self.successResultOf(started(links.make(LinkTerms(ROOT, 60, password="another password"))))
        self.assertEqual(self.hashing.used, [None, "ann"])
