"""Accounts that change while somebody logs in, and afterwards: nobody comes in, or stays in, by what was."""

from __future__ import annotations

import os
from typing import Any, Awaitable, Callable, Iterator, TypeVar
from unittest import mock

from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.internet.defer import Deferred

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devicelogin import DeviceCertificate, DeviceChecker
from homeftp.accounts.devices import Devices
from homeftp.accounts.login import Login
from homeftp.accounts.passwords import PasswordChecker, hash_password
from homeftp.config import Limits
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, Forbidden, Internal, LoginFailed, OperatorError
from homeftp.interfaces import IFiles
from homeftp.model import WriteRequest
from homeftp.store.policy.rights import parse_rights
from homeftp.workers import InlineWorkers
from tests.support.inmemory import PASSWORD
from tests.support.logins import CHEAP, ID, LoginCase, started

T = TypeVar("T")


class MeanwhileWorkers(InlineWorkers):
    """Runs jobs at once; `then` is called after each, before its result is known to who asked."""

    def __init__(self) -> None:
        self.then: Callable[[], object] = int

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run the job."""
        result = super().run(job, *args)
        self.then()
        return result


class MeanwhileTests(LoginCase):
    """Accounts that are changed while a login is being checked: at each point of it, nobody comes in by what was."""

    def setUp(self) -> None:
        super().setUp()
        self.state = self.server.state
        self.accesses = AccessTable(self.state)
        self.state.set_password("ann", hash_password(PASSWORD, CHEAP))
        self.password_workers, self.device_workers = MeanwhileWorkers(), MeanwhileWorkers()
        self.server.portal.registerChecker(PasswordChecker(self.state, self.password_workers, CHEAP))
        self.server.portal.registerChecker(DeviceChecker(Devices(self.state), self.device_workers))

    def replace(self) -> None:
        """Remove the account, and add another one of that name."""
        self.state.remove_account("ann")
        self.state.add_account("ann", hash_password(PASSWORD, CHEAP))

    def ends(self) -> dict[str, Callable[[], object]]:
        """What may happen to an account, after which its credentials are not good any more."""
        return {
            "removed": lambda: self.state.remove_account("ann"),
            "another password": lambda: self.state.set_password("ann", hash_password("other", CHEAP)),
        }

    def changes(self) -> dict[str, Callable[[], object]]:
        """What may happen to an account, and leaves its password good: it ends the logins that there are."""
        return {
            "replaced": self.replace,
            "other rights": lambda: self.accesses.set_rights("ann", parse_rights("read")),
            "another home": lambda: self.accesses.set_home("ann", parse("ann")),
            "a quota": lambda: self.accesses.change("ann", AccessChange(parse("ann"), quota=1)),
            "a restriction": lambda: self.accesses.grant("ann", parse("tax"), frozenset()),
        }

    def attempts(self, change: Callable[[], object]) -> Iterator[tuple[str, Callable[[], Any], ICredentials]]:
        """For each kind of credentials and each point of a login at which it happens, once: the attempt."""
        for make in (self.password, lambda: DeviceCertificate(ID)):
            for arm in (self.while_checked, self.before_it_is_watched):
                self.setUp()
                credentials = make()
                self.login(credentials).close()  # the control: nothing happens meanwhile

                def attempt(arm: Callable[..., Any] = arm, credentials: ICredentials = credentials) -> Deferred[Any]:
                    disarm = arm(change)
                    attempted = self.attempt(credentials)
                    disarm()
                    return attempted

                yield f"{type(credentials).__name__} {arm.__name__}", attempt, credentials

    def while_checked(self, change: Callable[[], object]) -> Callable[[], None]:
        """The credentials were read and are right; the account is changed before it is looked up."""

        def disarm() -> None:
            self.password_workers.then = self.device_workers.then = int

        def once() -> None:
            disarm()
            change()

        self.password_workers.then = self.device_workers.then = once
        return disarm

    def before_it_is_watched(self, change: Callable[[], object]) -> Callable[[], None]:
        """The account was looked up; it is changed before the login is one that the monitor knows."""
        opened, changes = self.service.opened, [change]

        def change_first(login: Login) -> None:
            if changes:
                changes.pop()()
            opened(login)

        patch = mock.patch.object(self.service, "opened", change_first)
        patch.start()
        return patch.stop

    def test_ended(self) -> None:
        """Where the credentials are not good any more the login is refused, at whatever point that happens."""
        for name, change in self.ends().items():
            for where, attempt, credentials in self.attempts(change):
                if name == "removed" or isinstance(credentials, UsernamePassword):
                    self.failureResultOf(attempt(), LoginFailed)
                    self.assertEqual(self.service.logins(), [], (name, where))
                    self.assertEqual(self.records()[-1]["status"], 32, (name, where))

    def test_revoked(self) -> None:
        """So it is for a device that is revoked, or whose account is another one now."""
        for change in (lambda: Devices(self.state).revoke("ann-laptop"), self.replace):
            for where, attempt, credentials in self.attempts(change):
                if isinstance(credentials, DeviceCertificate):
                    self.failureResultOf(attempt(), LoginFailed)
                    self.assertEqual(self.service.logins(), [], where)

    def test_changed(self) -> None:
        """Where they are still good the login is one of the account as it is now; that is no wrong password."""
        for name, change in self.changes().items():
            for where, attempt, credentials in self.attempts(change):
                if name == "replaced" and isinstance(credentials, DeviceCertificate):
                    continue  # `test_revoked`
                for _ in range(2 * Limits().guesses if name == "a quota" else 1):
                    login = self.successResultOf(attempt())
                    self.assertEqual(self.service.logins(), [login], (name, where))
                    self.assertTrue(login.is_valid(), (name, where))
                    self.assertEqual(login.avatar.access, self.accesses.find("ann"), (name, where))
                    login.close()

    def test_changing(self) -> None:
        """An account that changes during each try is busy: nobody comes in by what was, and no guess is counted."""
        opened = self.service.opened

        def change_first(login: Login) -> None:
            self.accesses.set_rights("ann", parse_rights("read"))
            opened(login)

        with mock.patch.object(self.service, "opened", change_first):
            for _ in range(2 * Limits().guesses):
                failure = self.failureResultOf(self.attempt(self.password()), Busy)
        self.assertIn("was changed", failure.getErrorMessage())
        self.assertEqual(self.service.logins(), [])
        self.login()

    def test_afterwards(self) -> None:
        """The login was made; from the change on it reads and changes nothing, without a look of the monitor."""
        calls: tuple[Callable[[IFiles], Awaitable[object]], ...] = (
            lambda files: files.stat(parse("a")),
            lambda files: files.open(parse("a")),
            lambda files: files.list(ROOT, True).__anext__(),
            lambda files: files.versions(parse("a")).__anext__(),
            lambda files: files.stat_with_resume(parse("a"), None, 5, 5),
            lambda files: files.space(),
            lambda files: files.write(WriteRequest(endpoint=parse("b"), size=7), b"content"),
            lambda files: files.make_directory(WriteRequest(endpoint=parse("c"))),
            lambda files: files.move(parse("a"), parse("d")),
            lambda files: files.remove(parse("a")),
        )
        for name, change in {**self.ends(), **self.changes()}.items():
            self.setUp()
            self.server.put("a", b"content")
            for credentials in (self.password(), DeviceCertificate(ID)):
                files = self.login(credentials).files("GET")
                self.assertIsNotNone(self.successResultOf(started(files.stat(parse("a")))), "the control")
                self.successResultOf(started(calls[6](files)))
            password, device = self.login(), self.login(DeviceCertificate(ID))
            change()
            for login in (password, device):
                for call in calls:
                    self.failureResultOf(started(call(login.files("GET"))), Forbidden)
                self.assertFalse(login.revoked, f"{name}: the control, the monitor has not looked")
            self.assertEqual(sorted(os.listdir(self.server.root)), [".homeftp", "a", "b"])

    def test_database_away(self) -> None:
        """Where the database has vanished nothing is read and nothing is changed, and nobody logs in."""
        self.server.put("a", b"content")
        login = self.login()
        files = login.files("GET")
        path = os.path.join(self.server.folder, "state.sqlite")
        os.rename(path, path + ".away")
        refused = [
            self.failureResultOf(started(files.stat(parse("a"))), Internal),
            self.failureResultOf(files.write(WriteRequest(endpoint=parse("b"), size=7), b"content"), Internal),
        ]
        for failure in refused:
            self.assertNotIn(self.server.folder, failure.getErrorMessage(), "a client gets it")
        for failure in self.flushLoggedErrors(OperatorError):
            self.assertIn(self.server.folder, failure.getErrorMessage(), "the control")
        for credentials in (self.password(), DeviceCertificate(ID)):
            self.failureResultOf(self.attempt(credentials), Internal)
        self.flushLoggedErrors()
        os.rename(path + ".away", path)
        self.assertIsNotNone(self.successResultOf(started(files.stat(parse("a")))))
