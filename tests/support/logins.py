"""A login service with an account and its device, and what tests of logins ask of it."""

from __future__ import annotations

from typing import Any, Awaitable, TypeVar

from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.internet.defer import Deferred

from homeftp.accounts.devices import add_device
from homeftp.accounts.login import Login, LoginService
from homeftp.accounts.passwords import Cost
from homeftp.config import Limits
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD, Server

ADDRESS = "192.0.2.7"
ID = "1" * 32
CHEAP = Cost(n=2, r=1, p=1)
PAIRED: dict[str, Any] = {"kind": "certificate", "rights": "read,add,replace,delete", "home": "/"}
"""The fields of a device that pairing has made."""

T = TypeVar("T")


def started(work: Awaitable[T]) -> Deferred[T]:
    """The Deferred of what is awaited."""

    async def wait() -> T:
        return await work

    return Deferred.fromCoroutine(wait())


class LoginCase(QuickCase):
    """A service with the account ann and her laptop."""

    def setUp(self) -> None:
        self.server = Server.make(limits=Limits(guesses=3), own_accounts=True)
        self.addCleanup(self.server.close)
        self.service: LoginService = self.server.services.logins
        self.server.state.add_account("ann", None)
        with self.server.state.transaction() as connection:
            add_device(connection, ID, "ann", "laptop", 0.0)

    def attempt(self, credentials: ICredentials, front_end: str | None = None) -> Deferred[Any]:
        return self.service.login(credentials, ADDRESS, front_end)

    def password(self, password: str = PASSWORD, name: str = "ann") -> UsernamePassword:
        return UsernamePassword(name.encode(), password.encode())

    def login(self, credentials: ICredentials | None = None) -> Login:
        made: Login = self.successResultOf(self.attempt(credentials or self.password()))
        return made

    def records(self) -> list[dict[str, Any]]:
        return replay.lines(self.server.folder)
