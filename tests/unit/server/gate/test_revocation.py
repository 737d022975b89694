"""Logins that are revoked end within five seconds, and nothing stays of what they were storing."""

from __future__ import annotations

import os
from unittest import mock

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import AccessTable
from homeftp.accounts.devices import Devices, add_device
from homeftp.accounts.login import LoginService
from homeftp.accounts.realm import Account
from homeftp.accounts.state.sqlite import FILE
from homeftp.audit.log import Audit
from homeftp.config import MIB
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.errors import Busy
from homeftp.interfaces import ILogin
from homeftp.server.gate.revocation import RevocationMonitor
from homeftp.status import Status
from homeftp.workers import InlineWorkers
from tests.support import replay
from tests.support.inmemory import PASSWORD, Connection, Server
from tests.support.queuedworkers import QueuedWorkers


def login(connection: Connection) -> ILogin:
    """The login of a connection that is logged in."""
    made = connection.protocol.session.login
    assert made is not None
    return made


class RevocationTests(SynchronousTestCase):
    """A device that is connected."""

    def setUp(self) -> None:
        self.server = Server.make(own_accounts=True)
        self.addCleanup(self.server.close)
        self.state = self.server.state
        self.devices = Devices(self.state)
        self.revocation = self.monitor(self.server)
        self.revocation.start()
        self.addCleanup(self.revocation.stop)
        self.state.add_account("ann", "x")
        self.laptop = self.member("1" * 32, "laptop")
        self.phone = self.member("2" * 32, "phone")

    def monitor(self, server: Server) -> RevocationMonitor:
        return RevocationMonitor(server.clock, server.services.logins, InlineWorkers(), server.audit)

    def member(self, id: str, name: str) -> Connection:
        """A device that is paired and connected."""
        with self.state.transaction() as connection:
            add_device(connection, id, "ann", name, 0.0)
        made = Connection(self.server, login=False)
        made.enter(self.server.account("ann"), self.devices.find(id))
        return made

    def aborted(self) -> list[bool]:
        """Connections that are closed within five seconds of a revocation."""
        for _ in range(5):
            self.server.clock.advance(1)
        for each in (self.laptop, self.phone):
            if each.transport.aborted and not each.ended:
                each.protocol.connectionLost()
        return [each.transport.aborted for each in (self.laptop, self.phone)]

    def test_revoked(self) -> None:
        """A device that is revoked is out within five seconds, and only that one."""
        self.assertEqual(self.aborted(), [False, False])
        self.devices.rename("ann-laptop", "ann-old")
        self.assertEqual(self.aborted(), [False, False])
        self.devices.revoke("ann-old")
        self.assertEqual(self.aborted(), [True, False])
        told = [(line["event"], line["account"], line["device"]) for line in replay.lines(self.server.folder)]
        self.assertEqual(told, [("disconnect", "ann", "ann-laptop")])

    def test_outdated(self) -> None:
        """A device is out within five seconds when its folders can be reached by other paths than at its login."""
        self.assertEqual(self.aborted(), [False, False])
        with mock.patch.object(Account, "is_outdated", lambda account: True):
            self.assertEqual(self.aborted(), [True, True])

    def test_reason(self) -> None:
        """The log says for each login which of the three reasons ended it, and no other."""
        reasons = {
            "its account or device was removed, or its rights were changed": lambda: self.devices.revoke("ann-laptop"),
            "other paths lead to its folders now": lambda: self.patch(Account, "is_outdated", lambda account: True),
        }
        told: list[str] = []
        for end in reasons.values():
            end()
            with capturedLogs() as logs:
                self.aborted()
            told += [formatEvent(each) or "" for each in logs if "is disconnected" in (formatEvent(each) or "")]
        laptop, phone = (f"ann (ann-{name}) is disconnected: " for name in ("laptop", "phone"))
        self.assertEqual(told, [laptop + next(iter(reasons)), phone + list(reasons)[1]])

    def test_large_push(self) -> None:
        """The partial upload of a revoked device is removed, though it was large enough to be resumed."""
        content = os.urandom(8 * MIB)
        for connection, name in ((self.laptop, "a"), (self.phone, "b")):
            connection.send("PUSH", {"rel_endpoint": name}, content)
        for connection, name in ((self.laptop, "c"), (self.phone, "d")):
            body = (
                f'{{"request_type": "PUSH", "body": {{"rel_endpoint": "{name}"}}, "content_length": {len(content)}}}\n'
            )
            connection.send_raw(body.encode() + content[: 6 * MIB])
        self.devices.revoke("ann-laptop")
        self.assertEqual(self.aborted(), [True, False])
        partial = os.path.join(self.server.root, ".homeftp", "partial")
        self.assertEqual(len([name for name in os.listdir(partial) if not name.endswith(".note")]), 1)
        self.assertEqual(sorted(os.listdir(self.server.root)), [".homeftp", "a", "b"])

    def test_hangs_up(self) -> None:
        """Nor does anything stay of a device that hangs up itself once it is revoked, before that was looked at."""
        content = os.urandom(8 * MIB)
        for connection, name in ((self.laptop, "a"), (self.phone, "b")):
            body = (
                f'{{"request_type": "PUSH", "body": {{"rel_endpoint": "{name}"}}, "content_length": {len(content)}}}\n'
            )
            connection.send_raw(body.encode() + content[: 6 * MIB])
        self.devices.revoke("ann-laptop")
        partial = os.path.join(self.server.root, ".homeftp", "partial")
        for connection, left in ((self.laptop, 1), (self.phone, 1)):
            connection.protocol.connectionLost()
            self.assertEqual(len([name for name in os.listdir(partial) if not name.endswith(".note")]), left)
        self.assertFalse(login(self.laptop).revoked, "the control: not checked yet")

    def test_small(self) -> None:
        """Small files that wait for their batch are not stored if their device was revoked; others' are."""
        workers = QueuedWorkers()
        server = Server.make(workers=workers)
        self.addCleanup(server.close)
        connections = [Connection(server, login=False) for _ in range(2)]
        for number, connection in enumerate(connections):
            connection.enter(server.account("ann"))
            for name in range(9):
                connection.send("PUSH", {"rel_endpoint": f"{number}/f{name}"}, b"x")
        self.assertEqual(workers.work(), 1)
        login(connections[0]).disconnect()
        connections[0].protocol.connectionLost()
        while workers.work():
            pass
        stored = [sorted(os.listdir(os.path.join(server.root, str(number)))) for number in range(2)]
        self.assertEqual(stored, [["f0"], [f"f{name}" for name in range(9)]])

    def test_delete(self) -> None:
        """A directory of which something is being removed keeps the rest when the device is revoked."""
        workers = QueuedWorkers()
        server = Server.make(workers=workers, extra=[DeleteDispatcher()])
        self.addCleanup(server.close)
        connection = Connection(server, login=False)
        connection.enter(server.account("ann"))
        for cut in (True, False):
            for number in range(600):
                server.put(f"d/f{number}", b"content")
            login(connection).revoked = False
            connection.send("DELETE", {"rel_endpoint": "d", "recursive": True})
            while len(os.listdir(os.path.join(server.root, "d"))) == 600:
                self.assertGreater(workers.work(), 0)
            login(connection).revoked = cut
            while workers.work():
                pass
            self.assertEqual(os.path.exists(os.path.join(server.root, "d")), cut, "the control" if not cut else "")
            if cut:
                self.assertNotEqual(os.listdir(os.path.join(server.root, "d")), [])

    def test_account_removed(self) -> None:
        """Removing an account ends the logins of all of its devices, and of its password."""
        password = Connection(self.server)
        self.assertEqual(self.aborted(), [False, False])
        self.assertFalse(password.transport.aborted)
        self.state.remove_account("ann")
        self.assertEqual(self.aborted(), [True, True])
        self.assertTrue(password.transport.aborted)

    def test_less(self) -> None:
        """Whose rights are changed connects anew, by what they are now."""
        self.assertEqual(self.aborted(), [False, False])
        AccessTable(self.state).set_rights("ann", frozenset({"read"}))
        self.assertEqual(self.aborted(), [True, True])

    def test_others_accounts(self) -> None:
        """Another checker's account ends with its record here, as its devices do; one that had none stays."""
        server = Server.make(own_accounts=False)
        self.addCleanup(server.close)
        server.state.add_account("ann", None)
        with server.state.transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)
        laptop = Connection(server, login=False)
        laptop.enter(server.account("ann"), Devices(server.state).find("1" * 32))
        password = Connection(server)
        eve = Connection(server, login=False)
        eve.enter(server.account("eve"))
        server.state.remove_account("ann")
        self.successResultOf(self.monitor(server).disconnect_revoked())
        self.assertEqual([each.transport.aborted for each in (password, laptop, eve)], [True, True, False])
        again = Connection(server, login=False)
        self.assertEqual(again.ask("LOGIN", {"username": "ann", "password": PASSWORD}).status, Status.LOGIN_FAILED)

    def test_log(self) -> None:
        """A device is revoked even if the audit log cannot be written."""
        self.devices.revoke("ann-laptop")
        with mock.patch.object(Audit, "note", side_effect=OSError(28, "full")):
            self.assertEqual(self.aborted(), [True, False])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_database_away(self) -> None:
        """Where the database of a cluster does not answer, the log says so in one line, and no traceback."""
        self.devices.revoke("ann-laptop")
        away = Busy("the database is away")
        with capturedLogs() as logs:
            with mock.patch.object(LoginService, "find_revoked", side_effect=away):
                self.assertEqual(self.aborted(), [False, False])
            with mock.patch.object(Audit, "note", side_effect=away):
                self.assertEqual(self.aborted(), [True, False])
        told = [formatEvent(each) for each in logs]
        self.assertIn("logins could not be checked for revocation: the database is away", told)
        self.assertIn("a revoked login could not be recorded in the audit log: the database is away", told)

    def test_disconnect_fails(self) -> None:
        """A fault of one login's end leaves the others revoked, and later ones are found."""
        password = Connection(self.server)
        with mock.patch.object(login(self.laptop), "disconnect", side_effect=ValueError("a fault")):
            self.devices.revoke("ann-laptop")
            self.devices.revoke("ann-phone")
            self.assertEqual(self.aborted(), [False, True])
        self.assertTrue(login(self.laptop).revoked)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertFalse(password.transport.aborted)
        self.state.remove_account("ann")
        self.aborted()
        self.assertTrue(password.transport.aborted)

    def test_all_first(self) -> None:
        """Changes of all of them are refused before the first is disconnected."""
        seen: list[bool] = []
        both = [login(self.laptop), login(self.phone)]
        for each in (self.laptop, self.phone):
            self.patch(each.protocol, "disconnect", lambda: seen.extend(made.revoked for made in both))
        self.state.remove_account("ann")
        self.successResultOf(self.revocation.disconnect_revoked())
        self.assertEqual(seen, [True] * 4)

    def test_check_fails(self) -> None:
        """No fault ends the checks for good."""
        with mock.patch.object(self.server.services.logins, "logins", side_effect=ValueError("a fault")):
            self.assertEqual(self.aborted(), [False, False])
        self.assertGreater(len(self.flushLoggedErrors(ValueError)), 1)
        self.devices.revoke("ann-laptop")
        self.assertEqual(self.aborted(), [True, False])

    def test_disk_for_long(self) -> None:
        """If logins cannot be checked for ten seconds, all are ended: any of them may have been revoked."""
        path = os.path.join(self.state.folder, FILE)
        os.rename(path, path + ".away")
        self.assertEqual(self.aborted(), [False, False])
        self.assertEqual(self.aborted(), [True, True])
        self.flushLoggedErrors()
        told = {(line["event"], line["device"], line["status"]) for line in replay.lines(self.server.folder)}
        self.assertEqual(told, {("disconnect", name, Status.INTERNAL) for name in ("ann-laptop", "ann-phone")})

    def test_disk(self) -> None:
        """A disk that fails for a moment ends no login; the failure is logged, and the check is repeated."""
        path = os.path.join(self.state.folder, FILE)
        os.rename(path, path + ".away")
        self.assertEqual(self.aborted(), [False, False])
        self.assertGreater(len(self.flushLoggedErrors()), 0)
        os.rename(path + ".away", path)
        self.devices.revoke("ann-laptop")
        self.assertEqual(self.aborted(), [True, False])
