"""What marks a synced folder, and locks it."""

from __future__ import annotations

import os
from unittest import mock

from homeftp.client.sync.local.marker import FolderLock, lock_synced, read_marker
from homeftp.errors import InUse, OperatorError
from tests.support.folders import QuickCase


class MarkerTests(QuickCase):
    """A folder that does not exist yet."""

    def setUp(self) -> None:
        self.path = self.mktemp()

    def lock(self) -> FolderLock:
        lock = FolderLock(self.path)
        self.addCleanup(lock.release)
        return lock

    def test_marked(self) -> None:
        """A folder keeps the marker that it gets, and no other has it."""
        lock = self.lock()
        self.assertEqual(read_marker(self.path), "")
        marker = lock.mark()
        lock.release()
        self.assertEqual((self.lock().mark(), read_marker(self.path)), (marker, marker))
        other = FolderLock(self.mktemp())
        self.addCleanup(other.release)
        self.assertNotEqual(other.mark(), marker)
        self.assertEqual(os.stat(f"{self.path}/.homeftp/sync").st_mode & 0o777, 0o600)

    def test_one_at_a_time(self) -> None:
        """A folder that is locked is refused, with who has it; not when it was released. Releasing twice is nothing."""
        lock = self.lock()
        error = self.assertRaises(InUse, FolderLock, self.path)
        self.assertEqual(str(error), f"{self.path} is being synced by process {os.getpid()}")
        with mock.patch("homeftp.client.sync.local.marker.lock_holder", lambda fd: None):
            error = self.assertRaises(InUse, FolderLock, self.path)
        self.assertEqual(str(error), f"{self.path} is being synced by another process")
        lock.release()
        lock.release()
        self.lock()

    def test_no_folder(self) -> None:
        """A file, and a link that leads nowhere, is refused, and the message says so."""
        os.symlink("missing", self.path)
        for _ in range(2):
            error = self.assertRaises(OperatorError, FolderLock, self.path)
            self.assertEqual(str(error), f"{self.path} cannot be synced: it is not a folder")
            os.unlink(self.path)
            open(self.path, "w").close()

    def test_unreadable(self) -> None:
        """A marker that cannot be read is not taken for a missing one; a missing one is, and so is a missing folder."""
        self.assertEqual(read_marker(self.path), "")
        os.makedirs(f"{self.path}/.homeftp/sync")
        error = self.assertRaises(OperatorError, read_marker, self.path)
        self.assertEqual(str(error), f"{self.path}/.homeftp/sync cannot be read: Is a directory")
        self.assertIsNone(lock_synced(self.path))
        os.rmdir(f"{self.path}/.homeftp/sync")
        self.assertEqual(read_marker(self.path), "")

    def test_synced(self) -> None:
        """A folder that was synced is locked, unless another sync has it; no other folder is, nor made."""
        self.assertIsNone(lock_synced(self.path))
        self.assertFalse(os.path.exists(self.path))
        lock = self.lock()
        lock.mark()
        self.assertIsNone(lock_synced(self.path))
        lock.release()
        synced = lock_synced(self.path)
        assert synced is not None
        self.assertTrue(synced.is_held)
        self.assertRaises(InUse, FolderLock, self.path)
        synced.release()
        self.assertFalse(synced.is_held)

    def test_damaged(self) -> None:
        """What is no marker is replaced by one."""
        os.makedirs(f"{self.path}/.homeftp")
        for content in (b"", b"short", b"x" * 32, b"a" * 40, b"\xff" * 32):
            with open(f"{self.path}/.homeftp/sync", "wb") as file:
                file.write(content)
            self.assertEqual(read_marker(self.path), "")
        self.assertEqual(self.lock().mark(), read_marker(self.path))

    def test_unusable(self) -> None:
        """A folder that cannot be written is refused, with the reason."""
        with open(self.path, "wb"):
            pass
        error = self.assertRaises(OperatorError, FolderLock, self.path)
        self.assertIn("cannot be synced", str(error))
