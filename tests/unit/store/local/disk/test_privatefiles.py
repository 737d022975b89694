"""The server's own files are opened by one name, and nothing else in their place is."""

from __future__ import annotations

import errno
import os
import stat
from unittest import mock

from homeftp.store.local.disk.privatefiles import (
    complete_mode,
    create_file,
    make_private_link,
    open_private_directory,
    open_private_file,
    read_private_link,
    replace_private_file,
)
from tests.support.stores import StoreCase


class PrivateFileTests(StoreCase):
    """Files in a folder of the server's own."""

    def test_complete_mode(self) -> None:
        """A file gets the owner's right to read, and nothing else changes; another user's stays."""
        _, metadata_dir = self.opened_root()
        path = self.lay(".homeftp/versions/file")
        for mode, wanted in ((0, 0o400), (0o2044, 0o2444), (0o640, 0o640)):
            os.chmod(path, mode)
            complete_mode(metadata_dir.versions, b"file", os.stat(path))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), wanted)
        os.chmod(path, 0)
        found = os.stat_result((*os.stat(path)[:4], os.geteuid() + 1, *os.stat(path)[5:]))
        complete_mode(metadata_dir.versions, b"file", found)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0)

    def test_replace(self) -> None:
        """A small file is replaced as a whole: where the disk fails or is full the old content stays."""
        _, metadata_dir = self.opened_root()
        folder = metadata_dir.folder
        for content in (b"first and long", b"second"):
            replace_private_file(folder, b"list", content)
            self.assertEqual(self.content(".homeftp/list"), content)
        for failing in ("fsync", "write"):
            with mock.patch(f"os.{failing}", side_effect=OSError(errno.EIO, "")), self.assertRaises(OSError):
                replace_private_file(folder, b"list", b"third")
        with mock.patch("os.write", return_value=2), self.assertRaises(OSError):
            replace_private_file(folder, b"list", b"third")
        self.assertEqual(self.content(".homeftp/list"), b"second")

    def test_new_only(self) -> None:
        """A temp file is new: what exists, also a dangling link, is never opened."""
        _, metadata_dir = self.opened_root()
        folder = metadata_dir.incoming
        fd = create_file(folder, b"new", 0o640)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode) & ~0o640, 0)
        os.close(fd)
        os.symlink("elsewhere", b"link", dir_fd=folder)
        for name in (b"new", b"link"):
            self.assertRaises(FileExistsError, create_file, folder, name, 0o640)
        self.assertNotIn("elsewhere", os.listdir(folder))

    def test_links(self) -> None:
        """A link in the place of a private file or folder is refused."""
        _, metadata_dir = self.opened_root()
        folder = metadata_dir.incoming
        os.symlink(".", b"link", dir_fd=folder)
        self.assertRaises(OSError, open_private_directory, folder, b"link")
        self.assertRaises(OSError, open_private_file, folder, b"link")
        fd = open_private_directory(folder, b"made")
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o700, "the control")
        self.assertRaises(FileNotFoundError, open_private_file, fd, b"none", make=False)
        file = open_private_file(fd, b"none", writable=True)
        self.assertEqual(os.write(file, b"x"), 1)
        os.close(file)
        os.close(fd)

    def test_link_texts(self) -> None:
        """A link of the server's own is read, and not followed; it takes no name that there is, and no file is read."""
        _, metadata_dir = self.opened_root()
        folder = metadata_dir.incoming
        os.close(create_file(folder, b"file", 0o600))
        make_private_link(folder, b"link", b"file")
        self.assertEqual(read_private_link(folder, b"link"), b"file")
        for name in (b"link", b"file"):
            self.assertRaises(FileExistsError, make_private_link, folder, name, b"other")
        self.assertRaises(OSError, read_private_link, folder, b"file")
