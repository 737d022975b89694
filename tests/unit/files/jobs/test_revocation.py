"""Access that is revoked while jobs are queued: none of them changes anything any more."""

from __future__ import annotations

import os
from typing import Any, Callable
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import Devices, add_device
from homeftp.config import SMALL_FILE
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.errors import Busy, Forbidden, Internal, NoSpace, OperatorError
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs
from tests.support.inmemory import Connection, Server
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess
from tests.support.stores import snapshot

CHANGES: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "a small file": ("PUSH", {"rel_endpoint": "new"}, b"content"),
    "a large file": ("PUSH", {"rel_endpoint": "new"}, bytes(2 * SMALL_FILE)),
    "a directory": ("PUSH", {"rel_endpoint": "new", "kind": "directory"}, b""),
    "a directory that exists": ("PUSH", {"rel_endpoint": "d", "kind": "directory", "meta_data": [["mode", 448]]}, b""),
    "a move": ("MOVE", {"rel_endpoint": "a", "to": "new"}, b""),
    "a removed file": ("DELETE", {"rel_endpoint": "a"}, b""),
    "a removed directory": ("DELETE", {"rel_endpoint": "d", "recursive": True}, b""),
    "other metadata": ("SETSTAT", {"rel_endpoint": "a", "meta_data": [["mode", 384]]}, b""),
    "a version put back": ("RESTORE", {"rel_endpoint": "a"}, b""),
}

DROPPED = ("a small file", "a directory", "a directory that exists", "other metadata")
"""Those whose first job is the only one: it does not begin for a client that has disconnected."""

ID = "1" * 32

REVOKED = (
    ("is disconnected", "hangs up"),
    ("is revoked", "hangs up"),
    ("hangs up", "is revoked"),
)
"""What may happen while a job waits in the queue."""


class RevocableJobsTests(SynchronousTestCase):
    """The jobs of one login."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = RevocableAccess()
        self.jobs = RevocableJobs(self.workers, self.login)

    def checked(self) -> list[Callable[..., Deferred[None]]]:
        """All ways to run a job that need access."""
        return [self.jobs.run, self.jobs.run_next, self.jobs.run_slice, self.jobs.run_hash, self.jobs.run_wanted]

    def test_wanted(self) -> None:
        """A job that only its client needs, and a request, do not begin once that is gone; one that was begun goes on.

        The control is a client that is there.
        """
        for closed in (False, True):
            done: list[str] = []
            waiting = [run(done.append, "wanted") for run in (self.jobs.run_wanted, self.jobs.run)]
            begun = [run(done.append, "begun") for run in (self.jobs.run_slice, self.jobs.run_next)]
            self.login.closed = closed
            self.workers.work_all()
            for each in waiting:
                if closed:
                    self.failureResultOf(each, ConnectionLost)
                else:
                    self.successResultOf(each)
            for each in begun:
                self.successResultOf(each)
            self.assertEqual(sorted(done), 2 * ["begun"] + (0 if closed else 2) * ["wanted"])

    def test_change(self) -> None:
        """A change is carried out, with its arguments and its result; the control of those below."""
        running = self.jobs.run(max, 1, 2)
        self.workers.work()
        self.assertEqual(self.successResultOf(running), 2)

    def test_confirm(self) -> None:
        """Access is confirmed by a job, which looks whether it is still there; the control has it."""
        for granted in (True, False):
            confirming = self.jobs.confirm()
            self.login.in_database = granted
            self.assertNoResult(confirming)
            self.workers.work()
            if granted:
                self.assertIsNone(self.successResultOf(confirming))
            else:
                self.failureResultOf(confirming, Forbidden)

    def test_revoked_while_queued(self) -> None:
        """A change or a read that waits when access is revoked is refused; cleaning up is not."""
        done: list[str] = []
        running = [run(done.append, "done") for run in self.checked()]
        cleanup = self.jobs.run_cleanup(done.append, "cleaned up")
        self.login.revoked = True
        self.workers.work()
        for each in running:
            self.assertIn("access was revoked", self.failureResultOf(each, Forbidden).value.message)
        self.successResultOf(cleanup)
        self.assertEqual(done, ["cleaned up"])

    def test_not_revoked(self) -> None:
        """The control: while access lasts all are carried out."""
        done: list[str] = []
        for number, run in enumerate([*self.checked(), self.jobs.run_cleanup]):
            run(done.append, str(number))
        self.workers.work()
        self.assertEqual(done, ["0", "1", "2", "3", "4", "5"])

    def test_closed_while_queued(self) -> None:
        """A change of a login that was closed looks access up, which nobody does for it any more."""
        for in_database in (True, False):
            done: list[str] = []
            change = self.jobs.run_next(done.append, "changed")
            self.login.closed, self.login.in_database = True, in_database
            self.workers.work()
            if in_database:
                self.successResultOf(change)
            else:
                self.failureResultOf(change, Forbidden)
            self.assertEqual(done, ["changed"] if in_database else [])

    def test_closed_unknown(self) -> None:
        """A closed login that cannot be looked up changes nothing."""
        self.login.closed = True
        done: list[str] = []
        change = self.jobs.run_next(done.append, "changed")
        with mock.patch.object(self.login, "is_valid", side_effect=OperatorError("/a/path: the disk fails")):
            self.workers.work()
        message = self.failureResultOf(change, Internal).value.message
        self.assertEqual(message, "nothing was done: internal error; see the server log")
        (logged,) = self.flushLoggedErrors(OperatorError)
        self.assertIn("/a/path", logged.getErrorMessage())
        self.assertEqual(done, [])

    def test_require(self) -> None:
        """Access is looked up, besides the flag."""
        self.jobs.require_access()
        self.login.in_database = False
        self.assertRaises(Forbidden, self.jobs.require_access)
        self.login.in_database, self.login.revoked = True, True
        self.assertRaises(Forbidden, self.jobs.require_access)

    def test_busy(self) -> None:
        """A database that does not answer refuses a request with its own status: nothing is done, try again."""
        done: list[bool] = []
        for refused in (Busy("no answer"), NoSpace("full")):
            self.login.is_valid = mock.Mock(side_effect=refused)  # type: ignore[method-assign]
            for run in self.checked():
                result = run(done.append, True)
                self.workers.work()
                self.assertIs(self.failureResultOf(result).value, refused)
        self.assertEqual(done, [])

    def test_known(self) -> None:
        """What is known already is cheap to ask: that access was revoked, and that no client waits any more."""
        self.login.in_database = False  # not looked up here
        self.jobs.require_unrevoked()
        self.assertFalse(self.jobs.ended())
        self.login.closed = True
        self.jobs.require_unrevoked()
        self.assertTrue(self.jobs.ended())
        self.login.closed, self.login.revoked = False, True
        self.assertRaises(Forbidden, self.jobs.require_unrevoked)
        self.assertTrue(self.jobs.ended())

    def test_permanent(self) -> None:
        """A permanent login is never revoked."""
        RevocableJobs(self.workers, PermanentLogin()).require_access()


class QueuedJobsTests(SynchronousTestCase):
    """Each request that changes something, with its first job in the queue of the pool."""

    def changed(self, request_type: str, body: dict[str, Any], payload: bytes, *, order: tuple[str, ...] = ()) -> bool:
        """Whether the request changed the shared folder, when these things happen while its first job waits."""
        workers = QueuedWorkers()
        server = Server.make(
            workers=workers,
            own_accounts=True,
            extra=[DeleteDispatcher(), MoveDispatcher(), RestoreDispatcher(), SetstatDispatcher()],
        )
        self.addCleanup(server.close)
        server.state.add_account("ann", None)
        with server.state.transaction() as transaction:
            add_device(transaction, ID, "ann", "laptop", 0.0)
        devices = Devices(server.state)
        connection = Connection(server, login=False)
        connection.enter(server.account("ann"), devices.find(ID))
        login = connection.protocol.session.login
        assert login is not None
        for content in (b"first", b"second"):  # so that there is a version
            connection.send("PUSH", {"rel_endpoint": "a"}, content)
            workers.work_all()
        server.put("d/file", b"content")
        before = visible(server.root)
        connection.send(request_type, body, payload)
        self.assertEqual(len(workers.jobs), 1)
        happen = {
            "is disconnected": login.disconnect,
            "hangs up": connection.protocol.connectionLost,
            "is revoked": lambda: devices.revoke("ann-laptop"),
        }
        for event in order:
            happen[event]()
        workers.work_all()
        return visible(server.root) != before


def visible(root: str) -> dict[str, tuple[Any, ...]]:
    """What clients see of the shared folder: an upload under way is not part of it."""
    seen = snapshot(root)
    return {path: (state[1], state[5]) for path, state in seen.items() if f"{os.sep}.homeftp" not in path}


for name, change in CHANGES.items():

    def test(self: QueuedJobsTests, change: tuple[str, dict[str, Any], bytes] = change) -> None:
        """It is not carried out when access was revoked meanwhile, whenever the client hung up; otherwise it is."""
        self.assertTrue(self.changed(*change), "the control")
        for order in REVOKED:
            self.assertFalse(self.changed(*change, order=order), order)

    def test_hung_up(
        self: QueuedJobsTests, change: tuple[str, dict[str, Any], bytes] = change, dropped: bool = name in DROPPED
    ) -> None:
        """The control: of a client that hung up and has access it is carried out, unless it has one step and waits."""
        self.assertEqual(self.changed(*change, order=("hangs up",)), not dropped)

    setattr(QueuedJobsTests, f"test_{name.replace(' ', '_')}", test)
    if name != "a large file":
        setattr(QueuedJobsTests, f"test_{name.replace(' ', '_')}_hung_up", test_hung_up)
