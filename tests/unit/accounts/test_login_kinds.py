"""The login service: the kinds of credentials."""

from __future__ import annotations

from typing import Callable

from twisted.cred.credentials import ICredentials

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password
from homeftp.accounts.credentials.sshkeys import SSHKey
from homeftp.accounts.credentials.tokens import new_token, token_hash
from homeftp.accounts.credentials.websessions import WebSession
from homeftp.accounts.devices import Device, DeviceKind, Devices, add_device
from homeftp.accounts.login import Login
from homeftp.accounts.loginaudit import REFUSALS as AUDITED
from homeftp.config import NAME_COST
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, Forbidden, LoginFailed, NoSpace
from homeftp.model import Actor, WriteRequest
from homeftp.server.gate.deviceactivity import GATHER_SECONDS, PAUSE_SECONDS
from homeftp.store.policy.rights import parse_rights
from homeftp.store.policy.wording import rough
from tests.support.logins import ADDRESS, LoginCase, started
from tests.unit.server.gate.test_connections import FakeConnection


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
        free = rough(NAME_COST)
        self.assertEqual((space.free, space.used), (free, 4 * NAME_COST - free))
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
