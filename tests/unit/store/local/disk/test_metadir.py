"""The metadata directory: made, locked against other servers, and never a link to elsewhere."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from contextlib import AbstractContextManager
from unittest import mock

from homeftp.errors import OperatorError
from homeftp.store.local.disk.metadir import MetadataDir, ReadOnlyRoot
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.syscalls import System
from tests.support import needs
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, put_of


def failing(number: int) -> AbstractContextManager[object]:
    """The server's own folders cannot be opened."""
    error = OSError(number, os.strerror(number))
    return mock.patch("homeftp.store.local.disk.metadir.open_private_directory", side_effect=error)


class MetadataDirTests(StoreCase):
    """Making and locking it."""

    def refused(self) -> str:
        """Why the root cannot be opened."""
        with self.assertRaises(OperatorError) as caught:
            self.store()
        message = str(caught.exception)
        self.assertIn(self.root, message)
        self.assertNotIn("\n", message)
        return message

    def test_made(self) -> None:
        """The directory is private, even if it was not before."""
        os.mkdir(self.path(".homeftp"), 0o777)
        self.store()
        for name in (".homeftp", ".homeftp/incoming", ".homeftp/partial", ".homeftp/versions"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o700)

    def test_not_usable(self) -> None:
        """If the metadata directory cannot be used, the store is not opened, and one line says why."""
        root = SafeRoot(self.root, System())
        self.addCleanup(root.close)
        message = "cannot share .*: its folder .homeftp.*No space left on device"
        with failing(errno.ENOSPC), self.assertRaisesRegex(OperatorError, message):
            MetadataDir(root, self.root)

    def test_two_servers(self) -> None:
        """A root has one server: the second one is refused, and the first keeps running."""
        store = self.store()
        upload = store.upload(put_of("large", b"x" * 10)[0])
        upload.write(b"x" * 5)
        self.assertIn(f"another homeftp server is using it (pid {os.getpid()})", self.refused())
        upload.write(b"x" * 5)
        self.assertEqual(upload.commit().size, 10)

    def test_planted_links(self) -> None:
        """B3: a symbolic link in place of the metadata directory, or of a part of it, is not followed."""
        for name in ("", "incoming", "partial", "versions", "lock"):
            if name:
                os.mkdir(self.path(".homeftp"))
            os.symlink(self.outside, self.path(f".homeftp/{name}".rstrip("/")))
            self.refused()
            self.assertEqual(os.listdir(self.outside), ["secret.txt"])
            os.rename(self.path(".homeftp"), self.path(f"link as {name}"))
        self.store()

    def test_file_in_its_place(self) -> None:
        """A file in place of the metadata directory is refused with one line."""
        self.lay(".homeftp")
        self.assertIn(".homeftp", self.refused())

    def test_no_descriptor_is_lost(self) -> None:
        """A start that fails closes what it opened."""
        self.store()
        before = count_descriptors()
        self.refused()
        self.assertEqual(count_descriptors(), before)


class ReadOnlyTests(StoreCase):
    """A root that is not writable."""

    def test_not_writable(self) -> None:
        """The message says why it is read-only, and what to do."""
        root = SafeRoot(self.root, System())
        self.addCleanup(root.close)
        for number, remedy in (
            (errno.EROFS, "is mounted read-only: mount it writable"),
            (errno.EACCES, "may not write to the shared folder, or to its folder .homeftp: give it both with chown"),
            (errno.EPERM, "may not write to the shared folder, or to its folder .homeftp: give it both with chown"),
        ):
            with failing(number), self.assertRaisesRegex(ReadOnlyRoot, remedy):
                MetadataDir(root, self.root)

    def mounted(self, *options: str) -> None:
        """Another disk is the root."""
        needs.root()
        mount, umount = needs.program("mount"), needs.program("umount")
        subprocess.run([mount, "-t", "tmpfs", *options, "tmpfs", self.root], check=True)
        self.addCleanup(subprocess.run, [umount, "--lazy", self.root], check=True)
