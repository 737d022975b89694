"""Secrets on disk are for their owner alone."""

from __future__ import annotations

import fcntl
import os
import stat
import struct

from homeftp.crypto.secretfiles import private_file, private_folder, read_private, write_private
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class PrivateTests(QuickCase):
    """Folders are 0700, files 0600, and looser modes are reported."""

    def setUp(self) -> None:
        """A folder of one's own, under the loosest umask."""
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)
        self.folder = private_folder(self.mktemp())
        self.file = os.path.join(self.folder, "secret")

    def test_modes(self) -> None:
        """New files and folders are closed to others, whatever the umask."""
        write_private(self.file, b"x")
        self.assertEqual(stat.S_IMODE(os.stat(self.folder).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(read_private(self.file), b"x")

    def test_absent(self) -> None:
        """A file that is not there is no error."""
        self.assertIsNone(read_private(self.file))

    def test_replaced_whole(self) -> None:
        """A second write replaces the first and leaves nothing beside it."""
        write_private(self.file, b"a longer first content")
        write_private(self.file, b"short")
        self.assertEqual(read_private(self.file), b"short")
        self.assertEqual(os.listdir(self.folder), ["secret"])

    def test_failed(self) -> None:
        """A write that fails leaves nothing beside what it should have replaced."""
        os.mkdir(self.file)
        error = self.assertRaises(OperatorError, write_private, self.file, b"x")
        self.assertNotIn("\n", str(error))
        self.assertEqual(os.listdir(self.folder), ["secret"])

    def test_database(self) -> None:
        """A file that others will write is made closed, kept as it is, and refused when it is open."""
        for content in (b"", b"x"):
            self.assertEqual(private_file(self.file), self.file)
            self.assertEqual(read_private(self.file), content)
            self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
            write_private(self.file, b"x")
        os.chmod(self.file, 0o644)
        self.assertRaises(OperatorError, private_file, self.file)
        self.assertRaises(OperatorError, private_file, os.path.join(self.file, "below"))

    def test_database_locks(self) -> None:
        """To check a file leaves all that this process has locked there: to close a descriptor of it would not."""

        def is_locked() -> bool:
            """Whether a lock of the process is there, by one that belongs to a descriptor and not to the process."""
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            found = fcntl.fcntl(locked, fcntl.F_OFD_GETLK, asked)
            return bool(struct.unpack("hhqqi4x", found)[0] != fcntl.F_UNLCK)

        with open(private_file(self.file), "r+b") as locked:
            fcntl.lockf(locked, fcntl.LOCK_EX)
            private_file(self.file)
            self.assertTrue(is_locked())
            os.close(os.open(self.file, os.O_RDWR))
            self.assertFalse(is_locked())

    def test_loose_file(self) -> None:
        """A file that others may read is refused, with the command that mends it."""
        write_private(self.file, b"x")
        os.chmod(self.file, 0o640)
        error = self.assertRaises(OperatorError, read_private, self.file)
        self.assertIn(f"chmod 600 {self.file}", str(error))
        os.chmod(self.file, 0o600)
        self.assertEqual(read_private(self.file), b"x")

    def test_loose_folder(self) -> None:
        """So is a folder that others may read."""
        os.chmod(self.folder, 0o755)
        error = self.assertRaises(OperatorError, private_folder, self.folder)
        self.assertIn(f"chmod 700 {self.folder}", str(error))
        os.chmod(self.folder, 0o700)
        self.assertEqual(private_folder(self.folder), self.folder)

    def test_quoted(self) -> None:
        """The command can be pasted, whatever the folder is called."""
        folder = os.path.join(self.folder, "a b; c")
        os.mkdir(folder, 0o755)
        error = self.assertRaises(OperatorError, private_folder, folder)
        self.assertIn(f"chmod 700 '{folder}'", str(error))

    def test_not_a_folder(self) -> None:
        """A file in the folder's place is reported in one line."""
        write_private(self.file, b"x")
        for path in (self.file, os.path.join(self.file, "below")):
            error = self.assertRaises(OperatorError, private_folder, path)
            self.assertNotIn("\n", str(error))

    def test_unwritable(self) -> None:
        """A folder where nothing can be made, and a file that cannot be read, are reported in one line."""
        self.assertRaises(OperatorError, private_folder, "/proc/homeftp")
        self.assertRaises(OperatorError, read_private, self.folder)
        error = self.assertRaises(OperatorError, write_private, os.path.join(self.folder, "absent", "secret"), b"x")
        self.assertNotIn("\n", str(error))
