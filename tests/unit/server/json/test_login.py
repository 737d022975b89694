"""LOGIN, RENEW and device certificates over a connection: the answers, and the audit records written before them."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred, fail

from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.accounts.invitations import InvitationState
from homeftp.accounts.loginaudit import REFUSALS
from homeftp.audit.log import Audit
from homeftp.config import Limits
from homeftp.crypto.pake import Code
from homeftp.errors import Busy
from homeftp.server.gate.deviceactivity import PAUSE_SECONDS
from homeftp.server.gate.renewals import PAUSE_SECONDS as RENEWAL_PAUSE_SECONDS
from homeftp.status import Status
from tests.support import replay
from tests.support.inmemory import PASSWORD, Connection
from tests.unit.server.json.test_pairing import REQUEST, PairCase


class EndedTests(PairCase):
    """A connection that ends while its login is checked."""

    def test_login(self) -> None:
        """The login is closed again, because its connection has ended."""
        checked: Deferred[Any] = Deferred()
        real = self.server.services.logins
        with mock.patch.object(type(real), "login", return_value=checked):
            self.connection.send("LOGIN", {"username": "ann", "password": PASSWORD})
        self.connection.protocol.connectionLost()
        login = self.server.login(self.server.account("ann"))
        checked.callback(login)
        self.assertIsNone(self.connection.protocol.session.login)
        self.assertEqual(real.logins(), [])

    def test_closes(self) -> None:
        """With a connection its login ends."""
        connection = Connection(self.server)
        self.assertEqual(len(self.server.services.logins.logins()), 1, "the control")
        connection.protocol.connectionLost()
        self.assertEqual(self.server.services.logins.logins(), [])


class ThrottleTests(PairCase):
    """Guessing passwords from one address."""

    limits = Limits(login_attempts=1000)

    def test_not_looked_at(self) -> None:
        """A password that was not checked, because the server was busy, does not count as a guess."""
        with mock.patch.object(self.server.portal, "login", return_value=fail(Busy("too much to do"))):
            for _ in range(50):
                answer = self.connection.ask("LOGIN", {"username": "ann", "password": "wrong"})
                self.assertIn("too much to do", answer.message)
        self.assertEqual(self.connection.ask("LOGIN", {"username": "ann", "password": PASSWORD}).status, Status.OK)

    def test_login(self) -> None:
        """After twenty wrong passwords right ones are refused too; right ones do not count."""
        for _ in range(50):
            Connection(self.server)
        statuses = [
            self.connection.ask("LOGIN", {"username": "ann", "password": f"wrong {number}"}).status
            for number in range(1000)
        ]
        self.assertEqual(statuses, [Status.LOGIN_FAILED] * 20 + [Status.BUSY] * 980)
        self.assertEqual(self.connect().ask("LOGIN", {"username": "ann", "password": PASSWORD}).status, Status.BUSY)


class RecordTests(PairCase):
    """The audit records of logins, pairings and renewals."""

    def last(self) -> dict[str, Any]:
        """The newest line, without its time."""
        line = replay.lines(self.server.folder)[-1]
        del line["time"]
        return line

    def who(self, account: str | None, device: str | None, request: str | None, status: int) -> dict[str, Any]:
        return {"account": account, "device": device, "address": "192.0.2.1", "request": request, "status": status}

    def test_password(self) -> None:
        """A login, and one that failed, with the name that was given and without the password."""
        self.connection.ask("LOGIN", {"username": "bob\n", "password": "hunter22"})
        self.assertEqual(self.last(), {"event": "login", **self.who(None, None, "LOGIN", 32), "user": "bob\n"})
        self.connection.ask("LOGIN", {"username": "ann", "password": PASSWORD})
        self.assertEqual(self.last(), {"event": "login", **self.who("ann", None, "LOGIN", 0)})
        with open(os.path.join(self.server.folder, "audit.jsonl"), encoding="ascii") as file:
            text = file.read()
        self.assertFalse([secret for secret in ("hunter22", PASSWORD) if secret in text])

    def test_pairing(self) -> None:
        """A pairing, and a wrong code: its number, and not its words."""
        number = self.code.number
        self.try_code(Code(number, "acorn-acorn"))
        self.assertEqual(self.last(), {"event": "pairing", **self.who(None, None, "PAIR", 32), "invitation": number})
        self.try_code(self.code)
        self.ask({"request": REQUEST, "device": "laptop"})
        paired = {"event": "pairing", **self.who("ann", "ann-laptop", "PAIR", 0), "invitation": number}
        self.assertEqual(self.last(), paired)

    def test_device(self) -> None:
        """A login with a certificate, one of a device that is no longer paired, and a renewed certificate."""
        self.try_code(self.code)
        self.ask({"request": REQUEST, "device": "laptop"})
        (id,) = [device.id for device in Devices(self.invitations.state).all()]
        device = self.connect()
        self.successResultOf(self.identify(device, id))
        self.assertEqual(self.last(), {"event": "login", **self.who("ann", "ann-laptop", None, 0)})
        self.assertEqual(device.ask("RENEW", {"request": REQUEST}).status, Status.OK)
        self.assertEqual(self.last(), {"event": "renewal", **self.who("ann", "ann-laptop", "RENEW", 0)})
        self.successResultOf(self.identify(self.connect(), "f" * 32))
        self.assertEqual(self.last(), {"event": "login", **self.who(None, None, None, 32), "certificate": "f" * 32})
        before = len(replay.lines(self.server.folder))
        for _ in range(REFUSALS + 20):
            self.successResultOf(self.identify(self.connect(), "f" * 32))
        self.assertEqual(len(replay.lines(self.server.folder)) - before, REFUSALS)

    def test_pairing_unwritable(self) -> None:
        """A pairing that cannot be recorded fails, and its code stays open for the next try."""
        self.try_code(self.code)
        with mock.patch.object(Audit, "note", side_effect=OSError(28, "No space left on device")):
            self.assertEqual(self.ask({"request": REQUEST, "device": "laptop"}).status, Status.INTERNAL)
        self.flushLoggedErrors(OSError)
        self.assertEqual((self.devices(), self.invitation_state()), ([], InvitationState.OPEN))
        self.assertEqual(self.ask({"request": REQUEST, "device": "laptop"}).status, Status.OK)

    def test_device_unwritable(self) -> None:
        """A device whose login cannot be recorded is refused, with the reason."""
        self.try_code(self.code)
        self.ask({"request": REQUEST, "device": "laptop"})
        (id,) = [device.id for device in Devices(self.invitations.state).all()]
        device = self.connect()
        with mock.patch.object(Audit, "append", side_effect=OSError(28, "No space left on device")):
            self.successResultOf(self.identify(device, id))
        answer = device.ask("PUSH", {"rel_endpoint": "a"})
        self.assertEqual(answer.status, Status.INTERNAL)
        self.assertIn("audit log cannot be written (No space left on device)", answer.message)
        self.assertTrue(device.transport.disconnecting)

    def identify(self, connection: Connection, id: str) -> Any:
        return Deferred.fromCoroutine(connection.protocol.session.authenticator.identify(id))


class DeviceCase(PairCase):
    """A paired device."""

    def setUp(self) -> None:
        super().setUp()
        self.try_code(self.code)
        self.ask({"request": REQUEST, "device": "laptop"})
        self.devices_table = Devices(self.invitations.state)

    def device(self) -> Connection:
        """A connection that it has logged in to with its certificate."""
        (known,) = self.devices_table.all()
        connection = self.connect()
        self.successResultOf(Deferred.fromCoroutine(connection.protocol.session.authenticator.identify(known.id)))
        return connection


class SightingTests(DeviceCase):
    """What the owner sees of a device."""

    def client(self) -> str | None:
        """The program that the owner sees, a while later."""
        self.server.clock.advance(PAUSE_SECONDS)
        (device,) = self.devices_table.all()
        return device.client

    def test_client_once(self) -> None:
        """Each connection says once which program it is; many requests do not change the database again."""
        device, other = self.device(), self.device()
        device.ask("HELLO", {"client": "first"})
        self.assertEqual(self.client(), "first")
        version = self.devices_table.state.version()
        for number in range(100):
            device.ask("HELLO", {"client": str(number)})
        self.assertEqual(self.client(), "first")
        self.assertEqual(self.devices_table.state.version(), version)
        other.ask("HELLO", {"client": "other"})
        self.assertEqual(self.client(), "other", "the control")


class RenewTests(DeviceCase):
    """RENEW."""

    def test_often(self) -> None:
        """A device renews its certificate once a minute, over any connection; a refusal writes no record."""
        self.assertEqual(self.device().ask("RENEW", {"request": REQUEST}).status, Status.OK)
        device = self.device()
        before = replay.lines(self.server.folder)
        for _ in range(10):
            self.assertEqual(device.ask("RENEW", {"request": REQUEST}).status, Status.BUSY)
        self.assertEqual(replay.lines(self.server.folder), before)
        self.server.clock.advance(RENEWAL_PAUSE_SECONDS)
        self.assertEqual(device.ask("RENEW", {"request": REQUEST}).status, Status.OK)
        self.assertEqual(len(replay.lines(self.server.folder)), len(before) + 1, "the control")

    def test_without_device(self) -> None:
        """Only a device that logged in with its certificate can renew it."""
        self.assertEqual(self.connection.ask("RENEW", {"request": REQUEST}).status, Status.LOGIN_REQUIRED)
        self.assertEqual(Connection(self.server).ask("RENEW", {"request": REQUEST}).status, Status.BAD_REQUEST)

    def test_app_password(self) -> None:
        """An app password logs its device in here, too, and has no certificate to be renewed."""
        password = new_app_password()
        self.server.state.add_account("tv", None)
        credential = str(app_password_hash(password))
        Devices(self.server.state).add("box", "tv", DeviceKind.APP_PASSWORD, credential, 0.0)
        connection = Connection(self.server, login=False)
        self.assertEqual(connection.ask("LOGIN", {"username": "tv", "password": password}).status, Status.OK)
        self.assertEqual([each.device for each in self.server.services.logins.logins()], ["box"])
        self.assertEqual(connection.ask("RENEW", {"request": REQUEST}).status, Status.BAD_REQUEST)
