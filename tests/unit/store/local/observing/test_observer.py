"""What is noticed of changes by other programs, with real directories."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Callable
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Busy, OperatorError
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.observing import IObservableStore, IStoreObserver
from homeftp.model import WriteRequest
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.observing import inotify
from homeftp.store.local.observing.inotify import Event, Inotify
from homeftp.store.local.observing.observer import FolderObserver
from homeftp.store.local.store import LocalStore
from tests.support.filestores import request_for


class ObserverCase(SynchronousTestCase):
    """A folder with a few directories, and what observes it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.makedirs(self.path("d/e"))
        self.lay("d/old", b"old")
        cache = HashCache(None)
        self.addCleanup(cache.close)
        self.store = LocalStore(self.root, cache)
        self.addCleanup(self.store.close)
        self.observer = self.observe()

    def observe(self) -> FolderObserver:
        observer = self.store.observe()
        self.addCleanup(observer.close)
        return observer

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def lay(self, name: str, content: bytes = b"") -> None:
        with open(self.path(name), "wb") as file:
            file.write(content)

    def noticed(self) -> list[tuple[str, bool]]:
        """What has changed: the names, and whether a directory came or went. Everything must be known."""
        found: list[tuple[str, bool]] = []
        while changes := self.observer.changes():
            found += [(str(each.endpoint), each.directory) for each in changes]
        self.assertIsNotNone(changes)
        return sorted(set(found))


class NoticedTests(ObserverCase):
    """What is noticed."""

    def test_interfaces(self) -> None:
        """The store, and what it gives, are what they say."""
        verifyObject(IStoreObserver, self.observer)
        self.assertTrue(IObservableStore.providedBy(self.store))
        self.assertTrue(self.observer.is_current())
        self.assertIsNone(self.observer.problem())

    def test_files(self) -> None:
        """Each way to change a file is noticed; reading it is not."""
        with open(self.path("d/old"), "rb") as file:
            file.read()
        self.assertEqual(self.noticed(), [])
        ways: list[tuple[Callable[[], object], list[str]]] = [
            (lambda: self.lay("d/e/a", b"x"), ["d/e/a"]),
            (lambda: os.utime(self.path("d/old")), ["d/old"]),
            (lambda: os.chmod(self.path("d/old"), 0o600), ["d/old"]),
            (lambda: os.truncate(self.path("d/old"), 1), ["d/old"]),
            (lambda: os.rename(self.path("d/old"), self.path("new")), ["d/old", "new"]),
            (lambda: os.link(self.path("new"), self.path("link")), ["link", "new"]),
            (lambda: os.unlink(self.path("link")), ["link", "new"]),
        ]
        for change, names in ways:
            change()
            found = self.noticed()
            self.assertEqual([directory for _, directory in found], [False] * len(found))
            self.assertLessEqual({name for name, _ in found}, set(names))
            self.assertIn(names[0], [name for name, _ in found])

    def test_open_file(self) -> None:
        """A file that is written and stays open is noticed too."""
        with open(self.path("log"), "wb", buffering=0) as file:
            self.noticed()
            file.write(b"line")
            self.assertEqual(self.noticed(), [("log", False)])

    def test_new_directories(self) -> None:
        """What is in new directories is noticed, in those that came with others in them as well."""
        os.makedirs(self.path("x/y/z"))
        self.assertIn(("x", True), self.noticed())
        self.lay("x/y/z/a")
        self.assertEqual(self.noticed(), [("x/y/z/a", False)])
        outside = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(outside, "deep"))
        os.rename(outside, self.path("came"))
        self.assertEqual(self.noticed(), [("came", True)])
        self.lay("came/deep/a")
        self.assertEqual(self.noticed(), [("came/deep/a", False)])

    def test_moved_directories(self) -> None:
        """A directory that moves is noticed under both names, and what is in it under its new one."""
        os.rename(self.path("d"), self.path("moved"))
        self.assertEqual(self.noticed(), [("d", True), ("moved", True)])
        self.lay("moved/e/a")
        self.assertEqual(self.noticed(), [("moved/e/a", False)])

    def test_left(self) -> None:
        """What leaves the folder is noticed, and no more what is in it; the control is what stayed."""
        os.rename(self.path("d/e"), f"{self.root}-outside")
        self.assertEqual(self.noticed(), [("d/e", True)])
        with open(f"{self.root}-outside/a", "wb"):
            self.lay("d/a")
        self.assertEqual(self.noticed(), [("d/a", False)])

    def test_removed(self) -> None:
        """A directory that is removed is noticed, and may come again."""
        for _ in range(2):
            os.rmdir(self.path("d/e"))
            os.mkdir(self.path("d/e"))
            self.assertEqual(self.noticed(), [("d/e", True)])
            self.lay("d/e/a")
            os.unlink(self.path("d/e/a"))
            self.assertEqual(self.noticed(), [("d/e/a", False)])

    def test_own_changes(self) -> None:
        """What the store changes is noticed by its name, and none of its temp files is."""
        small, large = b"x", bytes(3_000_000)
        self.store.write_many([(request_for("d/small", small), small)])
        upload = self.store.upload(WriteRequest(endpoint=parse("d/large"), size=len(large)))
        upload.write(large)
        upload.commit(None)
        self.assertEqual({name for name, _ in self.noticed()} - {"d"}, {"d/small", "d/large"})

    def test_unnamed(self) -> None:
        """A file without a name is not noticed when its mode is changed, by whichever name the kernel calls it then.

        The control: a file with such a name is.
        """
        self.lay("d/#1")
        self.noticed()
        unnamed = os.open(self.path("d"), os.O_TMPFILE | os.O_RDWR)
        self.addCleanup(os.close, unnamed)
        os.fchmod(unnamed, 0o600)
        self.assertEqual(self.noticed(), [])
        os.chmod(self.path("d/#1"), 0o600)
        self.assertEqual(self.noticed(), [("d/#1", False)])

    def test_no_names(self) -> None:
        """Names that no client can have are not noticed; nor is what a link leads to."""
        outside = os.path.abspath(self.mktemp())
        os.mkdir(outside)
        os.symlink(outside, self.path("link"))
        os.mkdir(os.fsencode(self.root) + b"/\xff")
        os.mkdir(self.path("a:b"))
        self.assertEqual(self.noticed(), [("link", False)])
        for name in (os.fsencode(outside) + b"/f", os.fsencode(self.root) + b"/\xff/f", self.path("a:b/f").encode()):
            with open(name, "wb"):
                pass
        self.lay(".homeftp/f")
        self.assertEqual(self.noticed(), [])

    def test_composed(self) -> None:
        """A name is told as clients see it."""
        os.mkdir(self.path("n\u0303"))
        self.assertEqual(self.noticed(), [("ñ", True)])
        self.lay("n\u0303/o\u0308")
        self.assertEqual(self.noticed(), [("ñ/ö", False)])

    def test_root(self) -> None:
        """The folder's own mode is a change of the root."""
        os.chmod(self.root, 0o700)
        self.assertEqual(self.noticed(), [("", False)])


class LostTests(ObserverCase):
    """What cannot be known."""

    def test_overflow(self) -> None:
        """Where the kernel has lost events, it is not known what has changed."""
        for name in ("a", "b"):
            self.lay(name)
        self.noticed()
        for _ in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 1):
            for name in ("a", "b"):  # two equal events behind each other would be one
                os.utime(self.path(name))
        while (changes := self.observer.changes()) is not None:
            self.assertLessEqual({str(each.endpoint) for each in changes}, {"a", "b"})
            self.assertTrue(changes, "the queue is empty, and nothing was lost")

    def test_replaced(self) -> None:
        """Another folder at the path of the root is noticed."""
        os.rename(self.root, f"{self.root}-old")
        os.mkdir(self.root)
        self.assertFalse(self.observer.is_current())

    def test_root_gone(self) -> None:
        """When the root is removed, or its disk is taken away, it is not known what has changed."""
        with patch.object(Inotify, "read", return_value=[Event(1, inotify.IGNORED, b"")]):
            self.assertIsNone(self.observer.changes())

    def test_too_many(self) -> None:
        """Where the system lets a user watch no more folders, the owner is told what to do."""
        add, count = Inotify.add, iter(range(10))

        def few(queue: Inotify, directory: int) -> int:
            if next(count) > 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return add(queue, directory)

        with patch.object(Inotify, "add", few):
            self.observer = self.observe()
        self.assertIn("fs.inotify.max_user_watches", str(self.observer.problem()))
        self.lay("a")
        self.assertEqual(self.noticed(), [("a", False)])

    def test_no_descriptor(self) -> None:
        """Where the server has no descriptor left it is not known what was missed; what it may not read is left out."""
        real = SafeRoot.open_directory
        for number, is_known in ((errno.EACCES, True), (errno.EMFILE, False)):
            failure = OSError(number, os.strerror(number))

            def opened(root: SafeRoot, endpoint: Endpoint, failure: OSError = failure) -> DirHandle:
                if endpoint.parts:
                    raise refusal(failure, endpoint)
                return real(root, endpoint)

            for target in (patch.object(SafeRoot, "open_directory", opened), patch("os.scandir", side_effect=failure)):
                os.mkdir(self.path("new"))
                with target:
                    if is_known:
                        self.observe()
                        self.assertEqual(self.noticed(), [("new", True)])
                    else:
                        self.assertRaises(Busy, self.observe)
                        self.assertRaises(Busy, self.noticed)
                os.rmdir(self.path("new"))
                self.noticed()

    def test_none(self) -> None:
        """A system that has no inotify, or no more of it, is an error that says so."""
        for number in (errno.EMFILE, errno.ENOSYS):
            with patch.object(Inotify, "__init__", side_effect=OSError(number, os.strerror(number))):
                self.assertIn("cannot watch folders", str(self.assertRaises(OperatorError, self.store.observe)))
