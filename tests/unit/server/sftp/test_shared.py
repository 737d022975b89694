"""What all sessions share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIN_PIECE, STREAM_MEMORY
from homeftp.files.budget import MemoryBudget
from homeftp.server.sftp.shared import AccountHandles, SharedSessions, WindowBudget
from tests.support.sftppackets import Raw, attrs, request
from tests.support.sshclient import SshCase


class SharedTests(SynchronousTestCase):
    """Counts."""

    def test_handles(self) -> None:
        """Each account has so many."""
        handles = AccountHandles(2)
        self.assertEqual([handles.reserve("ann") for _ in range(3)], [True, True, False])
        self.assertTrue(handles.reserve("bob"))
        handles.release("ann")
        self.assertTrue(handles.reserve("ann"))
        handles.release("ann", 2)
        handles.release("bob")
        self.assertEqual((len(handles), len(SharedSessions().exclusive)), (0, 0))

    def test_windows(self) -> None:
        """Windows have memory of their own: more than all streams together. The control is the budget of these."""
        for budget, windows in ((WindowBudget(), True), (MemoryBudget(), False)):
            for number in range(64):
                budget.grant(number)
            self.assertEqual(budget.granted > STREAM_MEMORY + 64 * MIN_PIECE, windows)


class AccountHandleTests(SshCase):
    """Sessions of one account, which may have 512 files open."""

    def test_sessions(self) -> None:
        """What one session has open counts for the others, until it is closed or its session has ended."""
        self.server.put("a", b"a")
        clients = [self.member() for _ in range(5)]
        codes = []
        for client in clients:
            for number in range(128):
                client.write(request(3, number, b"/a", 1, Raw(attrs())))
            codes += [answer.kind for answer in client.answers()]
        self.assertEqual((codes.count(102), codes.count(101)), (512, 128))
        for client in clients:
            client.transport.loseConnection()  # type: ignore[union-attr]
            client.pump()
        self.assertEqual(len(self.shared.handles), 0)
