"""The login service: what it lets in and refuses, what it records, and how a login ends."""

from __future__ import annotations

import os
from typing import Callable, Iterator, Sequence
from unittest import mock

from twisted.cred.credentials import Anonymous, ICredentials
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.accounts.access import WHOLE_STORE, AccessChange, AccessTable
from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password
from homeftp.accounts.credentials.sshkeys import SSHKey
from homeftp.accounts.credentials.tokens import new_token, token_hash
from homeftp.accounts.credentials.websessions import WebSession
from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.accounts.devices import Device, DeviceKind, Devices, add_device
from homeftp.accounts.login import Login, LoginService
from homeftp.accounts.loginaudit import REFUSALS as AUDITED
from homeftp.accounts.realm import Account
from homeftp.audit.log import Audit
from homeftp.config import NAME_COST
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import Busy, Changed, Forbidden, Internal, LoginFailed, NoSpace
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.writersearch import WriterSearch
from homeftp.history.writer import Writer
from homeftp.interfaces import ILogin, ILoginService
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.model import Actor, WriteRequest
from homeftp.server.gate.deviceactivity import GATHER_SECONDS, PAUSE_SECONDS
from homeftp.status import Status
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.rights import parse_rights
from tests.support.logins import ADDRESS, ID, LoginCase, started
from tests.support.queuedworkers import QueuedWorkers
from tests.unit.server.gate.test_connections import FakeConnection


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
        change = AccessChange(home=parse("home"), quota=3 * NAME_COST)
        AccessTable(self.server.state).change("ann", change)
        AccessTable(self.server.state).grant("ann", parse("tax"), parse_rights("none"))
        self.server.put("home/again/secret", b"secret")
        places = [parse("home/tax"), parse("home/again")]
        with mock.patch.object(LocalStore, "places", lambda store, folder: places):
            files = self.login().files("PUSH")
        self.assertIsNone(self.successResultOf(started(files.stat(parse("again/secret")))))
        self.assertEqual(self.successResultOf(started(files.space())).free, NAME_COST)
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

    def test_counted(self) -> None:
        """Each login counts once, by its front end and how it ended."""
        self.login()
        self.successResultOf(self.attempt(DeviceCertificate(ID), "https"))
        for wrong in (self.password("wrong"), DeviceCertificate("f" * 32)):
            self.failureResultOf(self.attempt(wrong), LoginFailed)
        for _ in range(2):
            self.failureResultOf(self.attempt(self.password("wrong")), LoginFailed)
        self.failureResultOf(self.attempt(self.password()), Busy)
        self.failureResultOf(self.attempt(Anonymous()), Busy)
        self.server.clock.advance(601)
        self.failureResultOf(self.attempt(Anonymous()), Internal)
        self.flushLoggedErrors()
        ended = {Status.OK: 1, Status.LOGIN_FAILED: 4, Status.BUSY: 2, Status.INTERNAL: 1}
        own = {(None, status): count for status, count in ended.items()}
        self.assertEqual(dict(self.service.outcomes), {("https", Status.OK): 1, **own})

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


class KindTests(LoginCase):
    """Devices that have a credential: an app password, an SSH key and a web session of ann."""

    def setUp(self) -> None:
        super().setUp()
        self.app_password, self.token = new_app_password(), new_token()
        self.devices = Devices(self.server.state)
        self.devices.add("ann-tv", "ann", DeviceKind.APP_PASSWORD, str(app_password_hash(self.app_password)), 0.0)
        self.devices.add("ann-key", "ann", DeviceKind.SSH_KEY, token_hash(b"key"), 0.0)
        with self.server.state.transaction() as connection:
            kind, credential = DeviceKind.WEB_SESSION, token_hash(self.token)
            add_device(connection, "2" * 32, "ann", "phone", 0.0, kind, credential, expires=1e10)
        self.proven: dict[str, ICredentials] = {
            "ann-tv": self.password(self.app_password),
            "ann-key": SSHKey(b"ann", b"key", verified=True),
            "ann-phone": WebSession(self.token),
        }

    def test_logins(self) -> None:
        """Each is a login of the account with the device; its records name the front end, those of changes too."""
        for name, proven in self.proven.items():
            login: Login = self.successResultOf(self.attempt(proven, "https"))
            self.assertEqual((login.account, login.device, login.front_end), ("ann", name, "https"))
            self.assertEqual(login.actor("PUT"), Actor("ann", name, ADDRESS, "PUT", front_end="https"))
            self.successResultOf(login.files("PUT").write(WriteRequest(endpoint=parse(name), size=1), b"x"))
            request = WriteRequest(endpoint=parse(name), size=1, precondition="absent")
            self.failureResultOf(login.files("PUT").write(request, b"y"), Changed)
            told = [(each["event"], each["device"], each.get("front_end")) for each in self.records()[-3:]]
            self.assertEqual(told, [(event, name, "https") for event in ("login", "change", "refused")])

    def test_one_limit(self) -> None:
        """Wrong passwords, app passwords and keys count together, through all front ends; all get the same answer."""
        wrong = [self.password("wrong"), self.password(new_app_password()), SSHKey(b"ann", b"key")]
        told = {
            str(self.failureResultOf(self.attempt(each, front_end), LoginFailed).value)
            for each, front_end in zip(wrong, (None, "https", "sftp"), strict=True)
        }
        self.assertEqual(len(told), 1, told)
        for front_end in (None, "https", "sftp"):
            for name in ("ann-tv", "ann-key"):
                self.failureResultOf(self.attempt(self.proven[name], front_end), Busy)
        refused = [(each["user"], each.get("front_end")) for each in self.records() if each["status"] == 32]
        self.assertEqual(refused, [("ann", None), ("ann", "https"), ("ann", "sftp")])
        self.server.clock.advance(601)
        self.login(self.proven["ann-tv"])

    def test_no_guess(self) -> None:
        """A session that is not there counts as no guess; a browser asks with it again and again."""
        for _ in range(10):
            failure = self.failureResultOf(self.attempt(WebSession(new_token()), "https"), LoginFailed)
            self.assertIn("sign in again", failure.getErrorMessage())
        self.login()
        for _ in range(AUDITED):
            self.failureResultOf(self.attempt(WebSession(new_token()), "https"), LoginFailed)
        self.assertEqual(len(self.records()), AUDITED + 2, "no client can fill the log")

    def test_revoked(self) -> None:
        """Each ends when its device is removed or changed, or its account is; the others do not."""
        changes: list[Callable[[str], object]] = [
            lambda name: self.devices.narrow(name, parse_rights("read"), None),
            lambda name: self.devices.narrow(name, None, parse("photos")),
            lambda name: self.devices.revoke(name),
        ]
        for change in changes:
            for name in self.proven:
                logins = {each: self.login(proven) for each, proven in self.proven.items() if self.exists(each)}
                change(name)
                self.assertEqual([each for each, login in logins.items() if not login.is_valid()], [name])
                refused = self.failureResultOf(started(logins[name].files("GET").stat(parse("a"))), Forbidden)
                self.assertIn("revoked", refused.value.message)

    def exists(self, name: str) -> bool:
        """Whether there is a device of that name."""
        return any(each.name == name for each in self.devices.all())

    def test_account(self) -> None:
        """All end when the account is changed."""
        logins = [self.login(proven) for proven in self.proven.values()]
        AccessTable(self.server.state).set_rights("ann", parse_rights("read"))
        self.assertEqual([login.is_valid() for login in logins], [False] * 3)

    def test_narrowed(self) -> None:
        """A device has no more than its account has there, and no more than it was given."""
        AccessTable(self.server.state).change("ann", AccessChange(home=parse("home"), rights=parse_rights("read,add")))
        self.server.put("home/photos/a", b"a")
        self.server.put("home/photos/tax/b", b"b")
        AccessTable(self.server.state).grant("ann", parse("photos/tax"), parse_rights("none"))
        self.devices.narrow("ann-key", parse_rights("read,delete"), parse("photos"))
        login = self.login(self.proven["ann-key"])
        files = login.files("GET")
        self.assertEqual((login.rights, login.home), (parse_rights("read"), parse("home/photos")))
        self.assertIsNotNone(self.successResultOf(started(files.stat(parse("a")))))
        self.assertIsNone(self.successResultOf(started(files.stat(parse("tax/b")))))
        self.failureResultOf(files.write(WriteRequest(endpoint=parse("c"), size=1), b"c"), Forbidden)
        self.assertNotEqual(login.view, self.login().view)
        everything = self.login(self.proven["ann-tv"]).files("GET")
        self.successResultOf(everything.write(WriteRequest(endpoint=parse("c"), size=1), b"c"))

    def test_quota(self) -> None:
        """The quota of the account holds for a device that sees a part of its home; that gives up no version there."""
        AccessTable(self.server.state).change("ann", AccessChange(home=parse("home"), quota=4 * NAME_COST))
        self.devices.narrow("ann-key", None, parse("phone"))
        phone = self.login(self.proven["ann-key"]).files("PUT")
        write = WriteRequest(endpoint=parse("a"), size=1)
        self.successResultOf(phone.write(write, b"a"))
        self.successResultOf(self.login().files("PUT").write(write, b"a"))
        space = self.successResultOf(started(phone.space()))
        self.assertEqual((space.free, space.used), (NAME_COST, 3 * NAME_COST))
        self.successResultOf(phone.write(WriteRequest(endpoint=parse("b"), size=1), b"b"))
        self.failureResultOf(phone.write(WriteRequest(endpoint=parse("c"), size=1), b"c"), NoSpace)

    def test_seen(self) -> None:
        """The begin and the end of each connection of a login is recorded for its device, with the front end."""
        login: Login = self.successResultOf(self.attempt(self.proven["ann-tv"], "sftp"))
        connection = FakeConnection()
        self.assertIsNone(self.seen("ann-tv").seen, "a login that no connection uses")
        login.add_connection(connection)
        first = self.seen("ann-tv")
        self.assertEqual((first.front_end, first.address), ("sftp", ADDRESS))
        self.assertIsNotNone(first.seen)
        login.remove_connection(connection)
        second = self.seen("ann-tv")
        self.assertNotEqual(second.seen, first.seen)
        login.close()
        self.assertEqual(self.seen("ann-tv"), second, "it was not connected any more")
        login = self.login(self.proven["ann-tv"])
        login.add_connection(connection)
        login.close()
        self.assertIsNone(self.seen("ann-tv").front_end, "the server's own protocol")

    def seen(self, name: str) -> Device:
        """What is known of a device once all activity are written."""
        self.server.clock.pump([GATHER_SECONDS, PAUSE_SECONDS, PAUSE_SECONDS])
        (device,) = (each for each in self.devices.all() if each.name == name)
        return device


class SearchTests(SynchronousTestCase):
    """The search for the writer of a file."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.searched = 0
        files = FilesFactory(self.workers, MemoryBudget())
        self.service = LoginService(
            mock.Mock(),
            throttle=mock.Mock(),
            audit=mock.Mock(),
            refusals=mock.Mock(),
            validator=mock.Mock(),
            files=files,
            workers=self.workers,
            writers=WriterSearch(self.steps, files.share),
        )

    def steps(self, endpoint: Endpoint, content_hash: str) -> Iterator[Sequence[Writer]]:
        """Three steps find nothing, the fourth the writer."""
        for _ in range(3):
            self.searched += 1
            yield ()
        yield [Writer("ann", None, 1)]

    def test_ended(self) -> None:
        """The search of a login that has ended, or was revoked, ends; the control finds the writer."""
        for end, searched in ((Login.close, 2), (Login.disconnect, 2), (None, 3)):
            self.searched = 0
            login = Login(self.service, Account("ann", MemoryStore(), WHOLE_STORE), ADDRESS)
            found = started(login.find_writer(parse("a"), "sha256:x"))
            self.workers.work()
            if end is not None:
                end(login)
            self.workers.work_all()
            self.assertEqual(self.successResultOf(found), None if end is not None else Writer("ann", None, 1))
            self.assertEqual(self.searched, searched)


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

    def test_front_end(self) -> None:
        """What is changed, or refused, through another front end names it; the server's own protocol is not named."""
        for front_end in ("webdav", None):
            files = self.successResultOf(self.attempt(self.password(), front_end)).files("PUT")
            self.successResultOf(files.write(WriteRequest(endpoint=parse("a"), size=1, precondition=None), b"x"))
            refused = WriteRequest(endpoint=parse("a"), size=1, precondition="absent")
            self.failureResultOf(files.write(refused, b"y"), Changed)
        named = [(each["event"], each.get("front_end")) for each in self.records()]
        events = ("login", "change", "refused")
        self.assertEqual(named, [(each, "webdav") for each in events] + [(each, None) for each in events])

    def test_unwritable(self) -> None:
        """A login that cannot be recorded is refused, right or wrong, and says why."""
        with mock.patch.object(Audit, "append", side_effect=OSError(28, "No space left on device")):
            for credentials in (self.password(), self.password("wrong"), DeviceCertificate(ID)):
                failure = self.failureResultOf(self.attempt(credentials), Internal)
                self.assertIn("No space left on device", failure.getErrorMessage())
        self.assertEqual(self.service.logins(), [])

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


class RevocationTests(LoginCase):
    """How a login ends."""

    def test_check(self) -> None:
        """A login is valid until its account's rights change, or its account or device is removed."""
        password, device = self.login(), self.login(DeviceCertificate(ID))
        self.assertEqual((password.is_valid(), device.is_valid()), (True, True))
        Devices(self.server.state).revoke("ann-laptop")
        self.assertEqual((password.is_valid(), device.is_valid()), (True, False))
        AccessTable(self.server.state).set_rights("ann", parse_rights("read"))
        self.assertEqual(password.is_valid(), False)
        again = self.login()
        self.server.state.remove_account("ann")
        self.assertEqual(self.service.find_revoked([again]), [again])

    def test_granted(self) -> None:
        """For a moment the look of one login's job tells of all that were valid by the same database; then no more."""
        one, other = self.login(), self.login(DeviceCertificate(ID))
        self.assertEqual((one.is_valid(), other.is_valid()), (True, True))
        self.server.clock.advance(2 * GRANTED_SECONDS)
        self.assertEqual((self.service.was_granted(one), self.service.was_granted(other)), (False, False))
        self.assertTrue(one.is_valid())
        self.assertEqual((self.service.was_granted(one), self.service.was_granted(other)), (True, True))
        Devices(self.server.state).revoke("ann-laptop")
        self.assertTrue(one.is_valid())
        self.assertEqual((self.service.was_granted(one), self.service.was_granted(other)), (True, False))
        one.disconnect()
        self.assertFalse(self.service.was_granted(one))

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
        self.assertFalse(login.is_valid())

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
