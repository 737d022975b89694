"""The login service: what it lets in and refuses, what it records, and how a login ends."""

from __future__ import annotations

import os
from typing import Iterator, Sequence
from unittest import mock

from twisted.cred.credentials import Anonymous
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.accounts.access import WHOLE_STORE, AccessChange, AccessTable
from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.accounts.devices import Devices
from homeftp.accounts.login import Login, LoginService
from homeftp.accounts.realm import Account
from homeftp.audit.log import Audit
from homeftp.config import NAME_COST
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import Busy, Changed, Internal, LoginFailed, NoSpace
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.writersearch import WriterSearch
from homeftp.history.writer import Writer
from homeftp.interfaces import ILogin, ILoginService
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.model import Actor, WriteRequest
from homeftp.status import Status
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.rights import parse_rights
from homeftp.store.policy.wording import rough
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
        with mock.patch.object(LocalStore, "paths_to", lambda store, folder: places):
            files = self.login().files("PUSH")
        self.assertIsNone(self.successResultOf(started(files.stat(parse("again/secret")))))
        self.assertEqual(self.successResultOf(started(files.space())).free, rough(NAME_COST))
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
