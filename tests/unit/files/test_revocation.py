"""Access that is revoked while jobs are queued: none of them changes anything any more."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import SMALL_FILE
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.dispatchers.restore import RestoreDispatcher
from homeftp.errors import Forbidden
from homeftp.files.revocation import PermanentLogin, RevocableJobs
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
    "a version put back": ("RESTORE", {"rel_endpoint": "a"}, b""),
}


class RevocableJobsTests(SynchronousTestCase):
    """The jobs of one login."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = RevocableAccess()
        self.jobs = RevocableJobs(self.workers, self.login)

    def test_change(self) -> None:
        """A change is carried out, with its arguments and its result; the control of those below."""
        running = self.jobs.run_change(max, 1, 2)
        self.workers.work()
        self.assertEqual(self.successResultOf(running), 2)

    def test_revoked_while_queued(self) -> None:
        """A change that waits when access is revoked is refused; reading and cleaning up are not."""
        done: list[str] = []
        change = self.jobs.run_change(done.append, "changed")
        reading = self.jobs.run(done.append, "read")
        cleanup = self.jobs.run_cleanup(done.append, "cleaned up")
        self.login.revoked = True
        self.workers.work()
        self.assertIn("access was revoked", self.failureResultOf(change, Forbidden).value.message)
        self.successResultOf(reading)
        self.successResultOf(cleanup)
        self.assertEqual(done, ["read", "cleaned up"])

    def test_confirm(self) -> None:
        """Confirming access looks it up, besides the flag."""
        self.jobs.confirm_access()
        self.login.in_database = False
        self.jobs.require_access()
        self.assertRaises(Forbidden, self.jobs.confirm_access)
        self.login.in_database, self.login.revoked = True, True
        self.assertRaises(Forbidden, self.jobs.confirm_access)
        self.assertRaises(Forbidden, self.jobs.require_access)

    def test_permanent(self) -> None:
        """Nobody revokes a permanent login."""
        RevocableJobs(self.workers, PermanentLogin()).confirm_access()


class QueuedJobsTests(SynchronousTestCase):
    """Each request that changes something, with its first job in the queue of the pool."""

    def changed(self, request_type: str, body: dict[str, Any], payload: bytes, *, revoked: bool) -> bool:
        """Whether the request changed the shared folder."""
        workers = QueuedWorkers()
        server = Server.make(
            workers=workers,
            extra=[DeleteDispatcher(), MoveDispatcher(), RestoreDispatcher()],
        )
        self.addCleanup(server.close)
        connection = Connection(server, login=False)
        connection.enter(server.account("ann"))
        for content in (b"first", b"second"):  # so that there is a version
            connection.send("PUSH", {"rel_endpoint": "a"}, content)
            workers.work_all()
        server.put("d/file", b"content")
        before = visible(server.root)
        connection.send(request_type, body, payload)
        self.assertEqual(len(workers.jobs), 1)
        if revoked:
            login = connection.protocol.session.login
            assert login is not None
            login.disconnect()
            connection.protocol.connectionLost()
        workers.work_all()
        return visible(server.root) != before


def visible(root: str) -> dict[str, tuple[Any, ...]]:
    """What clients see of the shared folder: an upload under way is not part of it."""
    seen = snapshot(root)
    return {path: (state[1], state[5]) for path, state in seen.items() if f"{os.sep}.homeftp" not in path}


for name, change in CHANGES.items():

    def test(self: QueuedJobsTests, change: tuple[str, dict[str, Any], bytes] = change) -> None:
        """It is not carried out when access was revoked meanwhile; the control: otherwise it is."""
        self.assertTrue(self.changed(*change, revoked=False), "the control")
        self.assertFalse(self.changed(*change, revoked=True))

    setattr(QueuedJobsTests, f"test_{name.replace(' ', '_')}", test)
