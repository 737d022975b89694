"""One server uses a state folder at a time."""

from __future__ import annotations

import errno
import os
from unittest import mock

from homeftp.control.statelock import FILE, StateLock, server_of
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class StateLockTests(QuickCase):
    """`StateLock` and `server_of`."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder, 0o700)

    def lock(self) -> StateLock:
        """A lock that is held until the test is over."""
        lock = StateLock(self.folder)
        self.addCleanup(lock.close)
        lock.open()
        return lock

    def test_second(self) -> None:
        """A second server is refused in one line that names the first and says what to do; after that it may."""
        self.assertIsNone(server_of(self.folder))
        first = self.lock()
        self.assertEqual(server_of(self.folder), os.getpid())
        refused = str(self.assertRaises(OperatorError, self.lock))
        self.assertEqual(refused.splitlines(), [refused])
        self.assertIn(f"{self.folder} is used by another homeftp server (pid {os.getpid()}). Stop that", refused)
        self.assertIn("--state DIR", refused)
        self.assertEqual(str(self.assertRaises(OperatorError, StateLock(self.folder).check)), refused)
        first.close()
        first.close()
        self.assertIsNone(server_of(self.folder))
        StateLock(self.folder).check()
        self.lock()
        self.assertEqual(os.stat(os.path.join(self.folder, FILE)).st_mode & 0o777, 0o600)

    def test_cannot_be_locked(self) -> None:
        """A folder that cannot be locked is refused in words."""
        with mock.patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")):
            self.assertIn("No locks available", str(self.assertRaises(OperatorError, self.lock)))

    def test_pipe(self) -> None:
        """What is no file, such as a pipe that another user made, is no lock, and is not waited for."""
        os.mkfifo(os.path.join(self.folder, FILE))
        self.assertIsNone(server_of(self.folder))
