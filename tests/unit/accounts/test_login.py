"""The login service: what it lets in and refuses, what it records, and how a login ends."""

from __future__ import annotations

import os
from typing import Any, Awaitable, Callable, TypeVar
from unittest import mock

from twisted.cred.credentials import Anonymous, ICredentials, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devicelogin import DeviceCertificate, DeviceChecker
from homeftp.accounts.devices import Devices, add_device
from homeftp.accounts.login import Login, LoginService
from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.audit import Audit
from homeftp.config import Limits
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, Changed, Forbidden, Internal, LoginFailed, NoSpace, OperatorError
from homeftp.interfaces import IFiles, ILogin, ILoginService
from homeftp.model import Actor, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.rights import parse_rights
from homeftp.workers import InlineWorkers
from tests.support import replay
from tests.support.inmemory import PASSWORD, Server
from tests.unit.server.gate.test_connections import FakeConnection

ADDRESS = "192.0.2.7"
ID = "1" * 32
CHEAP = Cost(n=2, r=1, p=1)

T = TypeVar("T")


def started(work: Awaitable[T]) -> Deferred[T]:
    """The Deferred of what is awaited."""

    async def wait() -> T:
        return await work

    return Deferred.fromCoroutine(wait())


class LoginCase(SynchronousTestCase):
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


class ServiceTests(LoginCase):
    """Logging in."""

    def test_interfaces(self) -> None:
        """Service and login are what front ends are promised."""
        verifyObject(ILoginService, self.service)
        verifyObject(ILogin, self.login())

    def test_password(self) -> None:
        """A right password gives a login of the account, from that address."""
        login = self.login()
        self.assertEqual((login.account, login.device, login.revoked, login.home), ("ann", None, False, ROOT))
        self.assertEqual(login.rights, parse_rights("read,add,replace,delete"))
        self.assertEqual(login.actor("GET"), Actor("ann", None, ADDRESS, "GET"))
        self.assertEqual(self.service.logins(), [login])

    def test_device(self) -> None:
        """A device's certificate gives a login of its account, with the device's name."""
        login = self.login(DeviceCertificate(ID))
        self.assertEqual((login.account, login.device), ("ann", "ann-laptop"))
        self.assertEqual(login.actor(), Actor("ann", "ann-laptop", ADDRESS))

    def test_actor(self) -> None:
        """What a login stores is its account's, and not of another one that gets its name after it was removed."""
        first = self.login().actor("PUSH")
        again = self.login(DeviceCertificate(ID)).actor("PUSH")
        self.assertEqual((first.account_id, first.owner), (again.account_id, again.owner))
        self.server.state.remove_account("ann")
        self.server.state.add_account("ann", None)
        other = self.login().actor("PUSH")
        self.assertEqual((first.account, other.account), ("ann", "ann"))
        self.assertEqual(len({None, "ann", first.owner, other.owner}), 4)

    def test_wrong(self) -> None:
        """A wrong password and a wrong name are refused in the same words; nothing is logged in."""
        messages = {
            str(self.failureResultOf(self.attempt(wrong), LoginFailed).value)
            for wrong in (self.password("wrong"), self.password(name="eve"))
        }
        self.assertEqual(len(messages), 1, messages)
        self.assertEqual(self.service.logins(), [])

    def test_not_paired(self) -> None:
        """A device that is not paired is refused, and counts as no guess."""
        for _ in range(10):
            self.failureResultOf(self.attempt(DeviceCertificate("f" * 32)), LoginFailed)
        self.login()

    def test_all_limits(self) -> None:
        """A login has all that limits its account: its quota, and its grants by every path to their folders."""
        change = AccessChange(home=parse("home"), quota=3 * 4096)
        AccessTable(self.server.state).change("ann", change)
        AccessTable(self.server.state).grant("ann", parse("tax"), parse_rights("none"))
        self.server.put("home/again/secret", b"secret")
        places = [parse("home/tax"), parse("home/again")]
        with mock.patch.object(LocalStore, "places", lambda store, folder: places):
            files = self.login().files("PUSH")
        self.assertIsNone(self.successResultOf(started(files.stat(parse("again/secret")))))
        self.assertEqual(self.successResultOf(started(files.free_space())), 4096)
        self.successResultOf(files.write(WriteRequest(endpoint=parse("a"), size=7), b"content"))
        refused = self.failureResultOf(files.write(WriteRequest(endpoint=parse("b"), size=7), b"content"), NoSpace)
        self.assertIn("your account's quota", refused.value.message)

    def test_throttled(self) -> None:
        """After too many wrong passwords a right one is refused too, for a time; right ones do not count."""
        for _ in range(10):
            self.login()
        for _ in range(3):
            self.failureResultOf(self.attempt(self.password("wrong")), LoginFailed)
        self.failureResultOf(self.attempt(self.password()), Busy)
        self.server.clock.advance(601)
        self.login()

    def test_unknown_credentials(self) -> None:
        """Credentials that no checker knows are the server's fault: logged, refused without detail, and no guess."""
        for _ in range(5):
            failure = self.failureResultOf(self.attempt(Anonymous()), Internal)
            self.assertNotIn("Anonymous", failure.getErrorMessage())
        self.assertEqual(len(self.flushLoggedErrors()), 5)
        self.login()

    def test_checker_busy(self) -> None:
        """A password that could not be checked is refused as busy, and is no guess."""
        with mock.patch.object(self.server.portal, "login", side_effect=Busy("too much to do")):
            for _ in range(5):
                self.failureResultOf(self.attempt(self.password()), Busy)
        self.login()


class AuditTests(LoginCase):
    """What is recorded."""

    def test_records(self) -> None:
        """Each login and each refusal; the wrong name, and never a password; other front ends are named."""
        self.login()
        self.failureResultOf(self.attempt(self.password("secret!", name="e\nve")), LoginFailed)
        self.successResultOf(self.attempt(self.password(), "webdav"))
        self.login(DeviceCertificate(ID))
        told = [
            (each["account"], each["device"], each["request"], each["status"], each.get("user"), each.get("front_end"))
            for each in self.records()
        ]
        expected = [
            ("ann", None, "LOGIN", 0, None, None),
            (None, None, "LOGIN", 32, "e\nve", None),
            ("ann", None, "LOGIN", 0, None, "webdav"),
            ("ann", "ann-laptop", None, 0, None, None),
        ]
        self.assertEqual(told, expected)
        with open(os.path.join(self.server.folder, "audit.jsonl"), encoding="ascii") as file:
            self.assertNotIn("secret!", file.read())

    def test_unwritable(self) -> None:
        """A login that cannot be recorded is refused, right or wrong, and says why."""
        with mock.patch.object(Audit, "append", side_effect=OSError(28, "No space left on device")):
            for credentials in (self.password(), self.password("wrong"), DeviceCertificate(ID)):
                failure = self.failureResultOf(self.attempt(credentials), Internal)
                self.assertIn("No space left on device", failure.getErrorMessage())
        self.assertEqual(self.service.logins(), [])


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

    def changes(self) -> dict[str, Callable[[], object]]:
        """What may happen to an account: all of it ends its logins."""
        return {
            "removed": lambda: self.state.remove_account("ann"),
            "replaced": self.replace,
            "another password": lambda: self.state.set_password("ann", hash_password("other", CHEAP)),
            "other rights": lambda: self.accesses.set_rights("ann", parse_rights("read")),
            "another home": lambda: self.accesses.set_home("ann", parse("ann")),
            "a quota": lambda: self.accesses.change("ann", AccessChange(parse("ann"), quota=1)),
            "a restriction": lambda: self.accesses.grant("ann", parse("tax"), frozenset()),
        }

    def each(self, arm: Callable[[Callable[[], object]], None], disarm: Callable[[], object]) -> None:
        """With a password and with a device: a login during which the account is changed is refused."""
        for kind in ("password", "device"):
            changes = {**self.changes(), "revoked": lambda: Devices(self.state).revoke("ann-laptop")}
            if kind == "password":
                del changes["revoked"]
            for name, change in changes.items():
                self.setUp()
                credentials = self.password() if kind == "password" else DeviceCertificate(ID)
                self.login(credentials).close()  # the control: nothing happens meanwhile
                arm(change)
                self.failureResultOf(self.attempt(credentials), LoginFailed)
                disarm()
                self.assertEqual(self.service.logins(), [], (kind, name))
                self.assertEqual(self.records()[-1]["status"], 32, (kind, name))

    def test_while_checked(self) -> None:
        """The credentials were read and are right; the account is changed before it is looked up."""

        def arm(change: Callable[[], object]) -> None:
            def once() -> None:
                disarm()
                change()

            self.password_workers.then = self.device_workers.then = once

        def disarm() -> None:
            self.password_workers.then = self.device_workers.then = int

        self.each(arm, disarm)

    def test_before_it_is_watched(self) -> None:
        """The account was looked up; it is changed before the login is one that the monitor knows."""
        patches: list[Any] = []

        def arm(change: Callable[[], object]) -> None:
            opened = self.service.opened

            def first_change(login: Login) -> None:
                change()
                opened(login)

            patches.append(mock.patch.object(self.service, "opened", first_change))
            patches[-1].start()

        self.each(arm, lambda: patches[-1].stop())

    def test_afterwards(self) -> None:
        """The login was made; from the change on it reads and changes nothing, without a look of the monitor."""
        calls: tuple[Callable[[IFiles], Awaitable[object]], ...] = (
            lambda files: files.stat(parse("a")),
            lambda files: files.open(parse("a")),
            lambda files: files.list(ROOT, True).__anext__(),
            lambda files: files.versions(parse("a")).__anext__(),
            lambda files: files.stat_with_resume(parse("a"), None, 5, 5),
            lambda files: files.free_space(),
            lambda files: files.write(WriteRequest(endpoint=parse("b"), size=7), b"content"),
            lambda files: files.make_directory(WriteRequest(endpoint=parse("c"))),
            lambda files: files.move(parse("a"), parse("d")),
            lambda files: files.remove(parse("a")),
        )
        for name, change in self.changes().items():
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

    def test_refused_changes(self) -> None:
        """A refused change is recorded as the login's, whatever its front end; not where that does it itself."""
        login = self.login()
        request = WriteRequest(endpoint=parse("b"), size=7, precondition="sha256:" + "0" * 64)
        self.failureResultOf(login.files("PUT", record_refusals=False).write(request, b"content"), Changed)
        before = len(self.records())
        self.failureResultOf(login.files("PUT").write(request, b"content"), Changed)
        (line,) = self.records()[before:]
        who = {"event": "refused", "account": "ann", "device": None, "address": ADDRESS, "request": "PUT", "status": 44}
        what = {"size": 7, "endpoint": "b", "old_hash": request.precondition}
        self.assertEqual({**line, "time": ""}, {"time": "", **who, **what})

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


class RevocationTests(LoginCase):
    """How a login ends."""

    def test_check(self) -> None:
        """A login is valid until its account's rights change, or its account or device is removed."""
        password, device = self.login(), self.login(DeviceCertificate(ID))
        self.assertEqual((password.check(), device.check()), (True, True))
        Devices(self.server.state).revoke("ann-laptop")
        self.assertEqual((password.check(), device.check()), (True, False))
        AccessTable(self.server.state).set_rights("ann", parse_rights("read"))
        self.assertEqual(password.check(), False)
        again = self.login()
        self.server.state.remove_account("ann")
        self.assertEqual(self.service.find_revoked([again]), [again])

    def test_disconnect(self) -> None:
        """Each of its connections is disconnected, and none that has ended; then it stays revoked."""
        login = self.login()
        first, second = FakeConnection(), FakeConnection()
        for each in (first, second):
            login.add_connection(each)
        login.remove_connection(first)
        login.disconnect()
        self.assertEqual((first.told, second.told), ([], ["disconnect"]))
        self.assertTrue(login.revoked)
        self.assertFalse(login.check())

    def test_disconnect_fails(self) -> None:
        """A connection that cannot be disconnected leaves no other one connected."""
        login = self.login()
        made = [FakeConnection(), FakeConnection(), FakeConnection()]
        for each in made:
            login.add_connection(each)
            each.error = ValueError("a fault of the front end")
        login.disconnect()
        self.assertEqual([each.told for each in made], 3 * [["disconnect"]])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)

    def test_connects_late(self) -> None:
        """A connection that is added once the login was revoked or closed is disconnected at once; others are not."""
        revoked, closed, valid = self.login(), self.login(), self.login()
        revoked.disconnect()
        closed.close()
        told = []
        for login in (revoked, closed, valid):
            connection = FakeConnection()
            login.add_connection(connection)
            told.append(connection.told)
        self.assertEqual(told, [["disconnect"], ["disconnect"], []])

    def test_close(self) -> None:
        """A login that is closed is forgotten, and may be closed again."""
        login = self.login()
        login.close()
        login.close()
        self.assertEqual(self.service.logins(), [])
