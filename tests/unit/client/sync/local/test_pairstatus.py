"""The status of pairs, and which process keeps them in step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from unittest import mock

import attrs

from homeftp.client.sync.local.pairstatus import (
    MOST_CHARACTERS,
    MOST_WAITING,
    PairStatus,
    StatusFolder,
    WaitingFile,
)
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

STATUS = PairStatus(
    folder="/a",
    remote="nas:a",
    in_step_us=1,
    synced_us=2,
    doing="comparing",
    problem="no",
    needs_person=True,
    waiting=(WaitingFile(outcome="failed", name="x\udcff", reason="why"),),
    waiting_files=7,
)

HOLD = """
import sys
from homeftp.client import StatusFolder
lock = StatusFolder(sys.argv[1]).lock(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


class StatusTests(QuickCase):
    """StatusFolder."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.statuses = StatusFolder(self.path)

    def test_written(self) -> None:
        """What is written is read again, by the folder, however it is spelled; nothing is known of others."""
        self.assertEqual((list(self.statuses.all()), self.statuses.read("/a")), ([], None))
        self.statuses.write(STATUS)
        self.assertEqual(self.statuses.read("/x/../a"), STATUS)
        self.assertIsNone(self.statuses.read("/b"))
        other = attrs.evolve(STATUS, folder="/B")
        self.statuses.write(other)
        self.assertEqual(list(self.statuses.all()), [other, STATUS])
        self.statuses.forget("/a")
        self.statuses.forget("/a")
        self.assertEqual(list(self.statuses.all()), [other])
        self.assertEqual(os.stat(self.path).st_mode & 0o077, 0)

    def test_bounded(self) -> None:
        """Texts and the list of files have a length; the number of files stays."""
        long = "x" * 10 * MOST_CHARACTERS
        waiting = tuple(WaitingFile(outcome="failed", name=long, reason=long) for _ in range(2 * MOST_WAITING))
        self.statuses.write(attrs.evolve(STATUS, problem=long, doing=long, waiting=waiting, waiting_files=1000))
        found = self.statuses.read("/a")
        assert found is not None
        self.assertEqual((len(found.waiting), found.waiting_files), (MOST_WAITING, 1000))
        texts = (found.problem, found.doing, found.waiting[0].name, found.waiting[0].reason)
        self.assertEqual({len(text) for text in texts}, {MOST_CHARACTERS})

    def test_damaged(self) -> None:
        """A file that is no status is as none."""
        self.statuses.write(STATUS)
        (name,) = os.listdir(self.path)
        fields = attrs.asdict(STATUS)
        for text in ("", "[", "3", "[" * 100_000, '{"folder": "/a"}', json.dumps({**fields, "waiting_files": "x"})):
            with open(os.path.join(self.path, name), "w") as file:
                file.write(text)
            self.assertEqual((self.statuses.read("/a"), list(self.statuses.all())), (None, []))
        with open(os.path.join(self.path, name), "w") as file:
            json.dump({**fields, "of a later version": 1}, file)
        self.assertEqual(self.statuses.read("/a"), STATUS)

    def test_cannot_be_written(self) -> None:
        """A status that cannot be written is lost, and a pair that cannot be locked is an error."""
        with open(self.path, "w"):
            pass
        self.statuses.write(STATUS)
        self.assertIsNone(self.statuses.read("/a"))
        with self.assertRaisesRegex(OperatorError, "cannot lock"):
            self.statuses.lock("/a")

    def test_locked(self) -> None:
        """One lock on a pair at a time; it is gone when it is released."""
        self.assertIsNone(self.statuses.watched_by("/a"))
        lock = self.statuses.lock("/a")
        self.assertEqual(self.statuses.watched_by("/a"), os.getpid())
        with self.assertRaisesRegex(OperatorError, f"kept in step by process {os.getpid()} already"):
            self.statuses.lock("/x/../a")
        self.assertIsNone(self.statuses.watched_by("/b"))
        lock.release()
        lock.release()
        self.assertIsNone(self.statuses.watched_by("/a"))
        self.statuses.lock("/a").release()

    def test_pid_unknown(self) -> None:
        """Where the system does not tell who holds a lock, it is known that somebody does."""
        with mock.patch("homeftp.client.sync.local.pairstatus.lock_holder", lambda fd: None):
            self.assertIsNone(self.statuses.watched_by("/a"))
            lock = self.statuses.lock("/a")
            self.assertEqual(self.statuses.watched_by("/a"), 0)
            with self.assertRaisesRegex(OperatorError, "kept in step by another process already"):
                self.statuses.lock("/a")
            lock.release()
            self.assertIsNone(self.statuses.watched_by("/a"))

    def test_killed(self) -> None:
        """A process that was killed keeps no pair in step."""
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, self.path, "/a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"locked\n")
            self.assertEqual(self.statuses.watched_by("/a"), holder.pid)
            holder.kill()
            holder.wait()
        self.assertIsNone(self.statuses.watched_by("/a"))
