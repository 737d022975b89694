"""Access that is revoked while jobs are queued: none of them changes anything any more."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import SMALL_FILE
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.dispatchers.restore import RestoreDispatcher
from tests.support.inmemory import Connection, Server
from tests.support.stores import snapshot
from tests.unit.server.json.test_protocol import LaterWorkers

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


class QueuedJobsTests(SynchronousTestCase):
    """Each request that changes something, with its first job in the queue of the pool."""

    def changed(self, request_type: str, body: dict[str, Any], payload: bytes, *, revoked: bool) -> bool:
        """Whether the request changed the shared folder."""
        workers = LaterWorkers()
        server = Server.make(
            workers=workers,  # type: ignore[arg-type]
            extra=[DeleteDispatcher(), MoveDispatcher(), RestoreDispatcher()],
        )
        self.addCleanup(server.close)
        connection = Connection(server, login=False)
        connection.enter(server.account("ann"))
        for content in (b"first", b"second"):  # so that there is a version
            connection.send("PUSH", {"rel_endpoint": "a"}, content)
            while workers.work():
                pass
        server.put("d/file", b"content")
        before = visible(server.root)
        connection.send(request_type, body, payload)
        self.assertEqual(len(workers.jobs), 1)
        if revoked:
            login = connection.protocol.session.login
            assert login is not None
            login.disconnect()
            connection.protocol.connectionLost()
        while workers.work():
            pass
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
