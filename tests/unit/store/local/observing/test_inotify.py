"""The three calls of inotify(7), with real files."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.observing import inotify
from homeftp.store.local.observing.inotify import Inotify
from tests.support.folders import open_folder


class InotifyTests(SynchronousTestCase):
    """One queue, and a directory."""

    def setUp(self) -> None:
        self.folder, self.directory = open_folder(self)
        self.queue = Inotify()
        self.addCleanup(self.queue.close)

    def test_events(self) -> None:
        """What is made and written in a watched directory is read, with its name; then there is nothing."""
        watch = self.queue.add(self.directory)
        self.assertEqual(self.queue.add(self.directory), watch)
        self.assertEqual(self.queue.read(), [])
        with open(os.path.join(self.folder, "ñ"), "wb"):
            pass
        os.mkdir(os.path.join(self.folder, "d"))
        self.assertEqual(
            [(each.watch, each.mask, each.name) for each in self.queue.read()],
            [
                (watch, inotify.CREATE, "ñ".encode()),
                (watch, inotify.CLOSE_WRITE, "ñ".encode()),
                (watch, inotify.CREATE | inotify.ISDIR, b"d"),
            ],
        )
        self.assertEqual(self.queue.read(), [])

    def test_remove(self) -> None:
        """A watch that is removed says so, and nothing more."""
        watch = self.queue.add(self.directory)
        self.queue.remove(watch)
        os.mkdir(os.path.join(self.folder, "d"))
        self.assertEqual([each.mask for each in self.queue.read()], [inotify.IGNORED])
        self.assertEqual(self.assertRaises(OSError, self.queue.remove, watch).errno, errno.EINVAL)

    def test_no_directory(self) -> None:
        """Only directories are watched."""
        path = os.path.join(self.folder, "f")
        with open(path, "wb") as file:
            self.assertEqual(self.assertRaises(OSError, self.queue.add, file.fileno()).errno, errno.ENOTDIR)

    def test_close(self) -> None:
        """It is closed once."""
        for _ in range(2):
            self.queue.close()
        self.assertEqual(self.assertRaises(OSError, self.queue.add, self.directory).errno, errno.EBADF)
