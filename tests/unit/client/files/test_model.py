"""Local files as values."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.model import FileStat


class FileStatTests(SynchronousTestCase):
    """A file and its stat."""

    def test_file_and_directory(self) -> None:
        """Kind, size and time come from the stat; a FIFO is neither file nor directory."""
        folder = self.mktemp()
        os.makedirs(folder)
        path = os.path.join(folder, "a")
        with open(path, "wb") as file:
            file.write(b"content")
        os.utime(path, ns=(0, 1_234_567_891))
        found = FileStat("a", path, os.stat(path))
        self.assertEqual((found.is_file, found.is_directory, found.size), (True, False, 7))
        self.assertEqual(found.mtime_us, 1_234_567)
        found = FileStat("", folder, os.stat(folder))
        self.assertEqual((found.is_file, found.is_directory), (False, True))
        os.mkfifo(f"{folder}/fifo")
        found = FileStat("fifo", f"{folder}/fifo", os.stat(f"{folder}/fifo"))
        self.assertEqual((found.is_file, found.is_directory), (False, False))
