"""The namespace: what is checked is what is renamed, even if directories move and files appear meanwhile."""

from __future__ import annotations

import os
from typing import Any

from homeftp.endpoint import parse
from homeftp.errors import Changed, Internal, NotFound
from homeftp.model import ABSENT, PRESENT, SERVER, Entry
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.syscalls import System
from tests.support.stores import Journaled, StoreCase, put_of


class Appearing(System):
    """Another program creates the target right before it is renamed to, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Create the target, once in a while."""
        self._create(target, directories["target_dir"])
        super().rename_new(source, target, **directories)

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        """Create the target, once in a while."""
        self._create(target, target_dir)
        super().name_new(fd, target, target_dir=target_dir)

    def _create(self, target: bytes, directory: int) -> None:
        if self.times and target == b"file":
            self.times -= 1
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory))

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename."""
        super().rename(source, target, **directories)


class Moving(Journaled):
    """Another program moves the directory while the content is made durable."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self._names = (os.path.join(root, "d"), os.path.join(root, "moved"))

    def fsync(self, fd: int) -> None:
        """Move it."""
        if os.path.exists(self._names[0]):
            os.rename(*self._names)


class NamespaceTests(StoreCase):
    """Names that change meanwhile."""

    def test_appeared(self) -> None:
        """A file that appears is replaced without a precondition, and archived; with ABSENT it stays."""
        store = self.store(Appearing(1))
        self.put(store, "file", b"ours")
        self.assertEqual(self.content("file"), b"ours")
        os.unlink(self.path("file"))
        with self.assertRaises(Changed):
            self.put(self.reopened(store, Appearing(1)), "file", b"ours", precondition=ABSENT)
        self.assertEqual(self.content("file"), b"")

    def reopened(self, store: Any, system: System) -> Any:
        """The same root with another system."""
        store.close()
        return self.store(system)

    def test_present(self) -> None:
        """With PRESENT a file is replaced, and never made."""
        store = self.store()
        with self.assertRaises(Changed):
            self.put(store, "d/file", b"new", precondition=PRESENT)
        self.assertEqual(os.listdir(self.root), [".homeftp"], "not even its directory")
        self.lay("file", b"old")
        self.put(store, "file", b"new", precondition=PRESENT)
        self.assertEqual(self.content("file"), b"new")

    def test_directory_moved(self) -> None:
        """A file is not put into a directory that was moved away meanwhile: that would be another endpoint."""
        for write in (self.together, self.streamed):
            os.makedirs(self.path("d"))
            store = self.store(Moving(self.root))
            (result,) = write(store, put_of("d/file", b"content"))
            moved = os.path.join(self.root, "moved")
            if isinstance(result, Entry):  # the directory was moved before it was opened, and was made again
                self.assertEqual(self.content("d/file"), b"content")
                os.unlink(self.path("d/file"))
                os.rmdir(self.path("d"))
            else:
                self.assertIsInstance(result, Changed)
            self.assertEqual(os.listdir(moved), [])
            os.rmdir(moved)
            self.assertEqual(self.left(), [])
            store.close()

    def test_remove(self) -> None:
        """Of several files each is removed or not on its own account."""
        store = self.store()
        self.put(store, "a", b"a")
        self.put(store, "b", b"b")
        handle = store._folder.get().root.open_directory(parse(""))
        self.addCleanup(os.close, handle.fd)
        namespace = store._writable.mover.namespace
        inode = os.stat(self.path("b")).st_ino
        pendings = [
            PendingUnlink(handle, parse("a"), None),
            PendingUnlink(handle, parse("none"), None),
            PendingUnlink(handle, parse("b"), None, inode=inode + 1),
        ]
        results = namespace.remove(pendings, SERVER)
        self.assertEqual([type(result) for result in results], [os.stat_result, NotFound, Changed])
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "b"])

    def test_unrecorded(self) -> None:
        """Nothing is changed as long as an earlier change is not recorded."""
        full = True

        def record(changes: object) -> None:
            if full:
                raise OSError(28, "full")

        store = self.store(record_changes=record)
        self.assertIsInstance(self.together(store, put_of("a", b"a"))[0], Internal)
        self.assertEqual(self.content("a"), b"a", "it was made, and the answer says that it is not recorded")
        for refuse in (
            lambda: self.put(store, "b", b"b"),
            lambda: list(store.remove(parse("a"), None, False)),
            lambda: store.move(parse("a"), parse("c"), None, None),
            lambda: store.set_metadata(parse("a"), mtime_us=1, mode=None, precondition=None),
        ):
            with self.assertRaises(Internal):
                refuse()
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "a"])
        full = False
        self.put(store, "b", b"b")
