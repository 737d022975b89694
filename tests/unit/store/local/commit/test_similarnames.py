"""New names that are too similar to a sibling are refused."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from typing import Any, Iterator

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import folded, parse
from homeftp.errors import BadEndpoint, Changed, Internal, NoSpace
from homeftp.model import Entry, WriteRequest
from homeftp.store.local.commit.similarnames import NameCollisions
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.store import LocalStore
from tests.support.descriptors import count_descriptors
from tests.support.stores import Failing, StoreCase, put_of, sha

PAIRS = (
    ("Photo.jpg", "photo.jpg"),
    ("straße", "STRASSE"),
    ("\ufb01n", "fin"),
    ("①", "1"),
    ("Ω", "ω"),
    ("\u017f", "s"),
    ("café", "CAFÉ"),
    ("ⅸ", "ix"),
)
"""Pairs of names that are one file on Windows, on macOS, or where compatible forms are folded."""


class NameCollisionTests(StoreCase):
    """Directories of a store."""

    def refused(self, store: LocalStore, name: str, beside: str) -> None:
        """Every operation that makes a new name refuses it, and names the existing one."""
        put, content = put_of(name, b"new")
        before = sorted(os.listdir(self.root))
        with self.assertRaisesRegex(BadEndpoint, f"'{name.split('/')[-1]}' differs from '{beside}' beside it"):
            self.put(store, name, content)
        with self.assertRaisesRegex(BadEndpoint, beside):
            self.stream(store, name, content)
        with self.assertRaisesRegex(BadEndpoint, beside):
            store.make_directory(WriteRequest(endpoint=put.endpoint))
        with self.assertRaisesRegex(BadEndpoint, beside):
            self.put(store, f"{name}/below.txt", content)
        self.assertEqual(sorted(os.listdir(self.root)), before)
        self.assertEqual(self.left(), [])

    def test_lacks(self) -> None:
        """That a name is new is known of a directory that is remembered, also while the server itself changes it."""
        self.put(self.store(), "there.txt", b"old")
        names = NameCollisions()
        fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        handle = DirHandle(fd, same_mount=True)

        def lacks(*some: str) -> list[bool]:
            return [names.lacks(os.fstat(fd), name) for name in some]

        self.assertEqual(lacks("new.txt"), [False], "nothing is remembered yet")
        with names.known([handle]):
            self.assertEqual(lacks("new.txt", "there.txt", "There.txt"), [True, False, False])
            with names.changing([handle]):
                self.lay("new.txt")
                names.added(handle, "new.txt")
                self.assertEqual(lacks("new.txt", "newer.txt"), [False, True])
            self.assertEqual(lacks("new.txt", "newer.txt"), [False, True])
            self.lay("foreign.txt")
            self.assertEqual(lacks("newer.txt"), [False])
        self.assertFalse(NameCollisions(allowed=True).lacks(os.fstat(fd), "new.txt"))

    def test_refused(self) -> None:
        """A similar name is refused, whichever of the two exists, and accepted once the other is removed."""
        store = self.store()
        for pair in PAIRS:
            for first, second in (pair, pair[::-1]):
                self.put(store, first, b"old")
                self.refused(store, second, first)
                os.unlink(self.path(first))
                self.put(store, second, b"new")
                os.unlink(self.path(second))

    def test_folders(self) -> None:
        """Names of directories, and names in directories, are checked too."""
        store = self.store()
        store.make_directory(WriteRequest(endpoint=parse("Folder/Inner")))
        self.refused(store, "folder", "Folder")
        with self.assertRaisesRegex(BadEndpoint, "'Inner'"):
            self.put(store, "Folder/INNER/x", b"new")
        self.put(store, "Folder/other", b"new")

    def test_replaced(self) -> None:
        """The existing name itself can be replaced, even if both exist already."""
        store = self.store()
        for name in ("a.txt", "A.txt"):
            self.lay(name)
            self.put(store, name, b"new")
        self.assertEqual((self.content("a.txt"), self.content("A.txt")), (b"new", b"new"))
        self.refused(
            store, "\uff21.txt", os.listdir(self.root)[[n.lower() for n in os.listdir(self.root)].index("a.txt")]
        )

    def test_together(self) -> None:
        """Of two similar names in one batch one is accepted."""
        store = self.store()
        results = store.write_many([put_of(name, b"new") for name in ("x/a", "x/A", "X/b", "y/c", "y/d")])
        self.assertEqual([isinstance(each, BadEndpoint) for each in results], [False, True, True, False, False])
        self.assertEqual(sorted(os.listdir(self.path("x"))), ["a"])

    def test_not_stored(self) -> None:
        """A name that a file could not get is free for a similar one, however its rename failed."""
        for number in (errno.EIO, errno.ENOSPC):
            store = self.store(Failing(2, number))  # after the fsync of the content
            (refused,) = self.together(store, put_of("Name", b"old"))
            self.assertIsInstance(refused, Internal if number == errno.EIO else NoSpace)
            self.put(store, "name", b"new")
            store.close()
            os.unlink(self.path("name"))

    def test_restored(self) -> None:
        """A version is not restored beside a similar name that was made meanwhile."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        os.rename(self.path("file.txt"), self.path("FILE.txt"))
        with self.assertRaisesRegex(BadEndpoint, "'FILE.txt'"):
            store.restore(parse("file.txt"), None, None)

    def test_other_programs(self) -> None:
        """Names that other programs add and remove count from the next request on."""
        store = self.store()
        self.put(store, "one", b"new")
        self.lay("Two")
        self.refused(store, "two", "Two")
        os.rename(self.path("Two"), self.path("Three"))
        self.put(store, "two", b"new")
        self.refused(store, "three", "Three")

    def test_allowed(self) -> None:
        """With `--similar-names` they are accepted."""
        store = self.store(similar_names=True)
        for pair in PAIRS:
            for name in pair:
                self.put(store, name, name.encode())
        for pair in PAIRS:
            for name in pair:
                self.assertEqual(self.content(name), name.encode())

    def test_not_utf8(self) -> None:
        """Names that are not UTF-8 are similar to nothing."""
        self.lay("\udcffa")
        self.put(self.store(), "a", b"new")

    def test_removed(self) -> None:
        """A name that was removed, moved away or not stored is free again, and the directory is not read for that."""
        store = self.store()
        for name in ("A.txt", "B.txt", "C.txt", "D/x", "E/x", "held"):
            self.put(store, name, b"old")
        reads: list[int] = []
        real = os.scandir
        self.patch(os, "scandir", lambda fd: reads.append(fd) or real(fd))  # type: ignore[func-returns-value]
        sum(store.remove(parse("A.txt"), None, False))
        store.move(parse("B.txt"), parse("D/B.txt"), None, None)
        store.move(parse("E"), parse("D/E"), None, None)
        sum(store.remove(parse("D/x"), None, False))
        with self.assertRaises(Changed):
            self.put(store, "f.txt", b"new", precondition=sha(b"other"))
        store.make_directory(WriteRequest(endpoint=parse("d2"), mtime_us=1))
        store.set_metadata(parse("d2"), mtime_us=2, mode=None, precondition=None)
        sum(store.remove(parse("d2"), None, False))
        reads.clear()
        for name in ("a.txt", "b.txt", "e", "F.txt", "D2"):
            self.put(store, name, b"new")
        self.assertEqual(reads, [])
        with self.assertRaisesRegex(BadEndpoint, "'C.txt'"):
            self.put(store, "c.txt", b"new")
        self.assertEqual(reads, [], "nor for a refusal")
        self.lay("Other")
        with self.assertRaisesRegex(BadEndpoint, "'Other'"):
            self.put(store, "other", b"new")
        self.assertEqual(len(reads), 1, "the control: another program's change is read")


class RememberedTests(StoreCase):
    """What is remembered of directories, and while they are read."""

    def setUp(self) -> None:
        super().setUp()
        self.safe_root, _ = self.opened_root()

    def opened(self, name: str = "") -> DirHandle:
        """An open directory."""
        handle = self.safe_root.open_directory(parse(name))
        self.addCleanup(os.close, handle.fd)
        return handle

    def refused(self, collisions: NameCollisions, handle: DirHandle, name: str) -> bool:
        """Whether a new name is refused."""
        with collisions.known([handle]), collisions.changing([handle]):
            try:
                if collisions.check(handle, parse(name), new=True):
                    collisions.withdrawn(handle, name)
            except BadEndpoint:
                return True
        return False

    def test_withdrawn(self) -> None:
        """A new name counts as present from the check on, until it is withdrawn; one that is there already is not."""
        self.lay("Old")
        handle = self.opened()
        collisions = NameCollisions()
        with collisions.known([handle]), collisions.changing([handle]):
            self.assertTrue(collisions.check(handle, parse("New"), new=True))
            with self.assertRaises(BadEndpoint):
                collisions.check(handle, parse("new"), new=True)
            self.assertFalse(collisions.check(handle, parse("New"), new=True))
            self.assertFalse(collisions.check(handle, parse("Old"), new=True))
            collisions.withdrawn(handle, "New")
            self.assertTrue(collisions.check(handle, parse("new"), new=True))

    def test_bounded(self) -> None:
        """Only the directories used last are remembered, and forgetting one changes nothing."""
        kept = 8000
        collisions = NameCollisions(kept=kept)
        for number in range(20):
            for each in range(10):
                self.lay(f"{number}/Name {each}")
        for number in (*range(20), 0, 19):
            handle = self.opened(f"{number}")
            self.assertTrue(self.refused(collisions, handle, f"{number}/name 3"))
            self.assertFalse(self.refused(collisions, handle, f"{number}/name 11"))
            self.assertLessEqual(collisions.size, kept)
        self.assertGreater(collisions.size, kept // 2)

    def test_changed_while_it_is_read(self) -> None:
        """What this server adds and removes while a directory is read is right afterwards, whatever was read before."""
        for name in ("Gone", "Stays"):
            self.lay(name)
        handle = self.opened()
        collisions = NameCollisions()
        real = os.scandir

        @contextmanager
        def scandir(fd: int) -> Iterator[Iterator[os.DirEntry[str]]]:
            with real(fd) as entries:
                found = list(entries)
                with collisions.changing([handle]):
                    os.unlink(self.path("Gone"))
                    collisions.removed(handle, "Gone")
                    self.lay("New")
                    collisions.added(handle, "New")
                yield iter(found)

        self.patch(os, "scandir", scandir)
        self.assertFalse(self.refused(collisions, handle, "gone"))
        self.patch(os, "scandir", real)
        for name, similar in (("new", True), ("stays", True), ("gone", False)):
            self.assertEqual(self.refused(collisions, handle, name), similar, name)

    def test_not_forgotten_while_it_changes(self) -> None:
        """A directory in which names are being changed stays known, however little may be kept."""
        for name in ("a/Name", "b/Name"):
            self.lay(name)
        a, b = self.opened("a"), self.opened("b")
        reads: list[int] = []
        real = os.scandir
        self.patch(os, "scandir", lambda fd: reads.append(fd) or real(fd))  # type: ignore[func-returns-value]
        collisions = NameCollisions(kept=0)
        with collisions.known([a]):
            pass
        with collisions.changing([a]), collisions.known([b]):
            os.unlink(self.path("a/Name"))
            collisions.removed(a, "Name")
        self.assertFalse(self.refused(collisions, a, "name"))
        self.assertEqual(reads, [a.fd, b.fd])
        self.assertTrue(self.refused(collisions, b, "name"))
        self.assertFalse(self.refused(collisions, a, "name"))
        self.assertEqual(reads[2:], [b.fd, a.fd], "control: otherwise one is forgotten when the other is used")

    def test_read_once(self) -> None:
        """Of many threads that need a directory one reads it, and the others wait."""
        for number in range(3000):
            self.lay(f"Name {number}")
        collisions = NameCollisions()
        handles = [self.opened() for _ in range(8)]
        reads: list[int] = []
        real = os.scandir
        self.patch(os, "scandir", lambda fd: reads.append(fd) or real(fd))  # type: ignore[func-returns-value]
        refused: list[bool] = []
        lock = threading.Lock()

        def check(handle: DirHandle) -> None:
            with collisions.known([handle]), lock, collisions.changing([handle]):
                with self.assertRaises(BadEndpoint):
                    collisions.check(handle, parse("name 7"), new=True)
                refused.append(True)

        threads = [threading.Thread(target=check, args=(handle,)) for handle in handles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual((len(refused), len(reads)), (8, 1))

    def test_unreadable(self) -> None:
        """A directory that cannot be read is an error where a new name is checked; the next one reads it again."""
        self.lay("Name")
        collisions = NameCollisions()
        handle = self.opened()
        real = os.scandir
        self.patch(os, "scandir", lambda fd: real("/nonexistent"))
        self.assertRaises(FileNotFoundError, self.refused, collisions, handle, "name")
        self.patch(os, "scandir", real)
        self.assertTrue(self.refused(collisions, handle, "name"))


class FoldedTests(SynchronousTestCase):
    """What is compared."""

    def test_folded(self) -> None:
        """Folding a folded name changes nothing."""
        for pair in PAIRS:
            self.assertEqual(folded(pair[0]), folded(pair[1]))
            self.assertEqual(folded(folded(pair[0])), folded(pair[0]))


class UnreadableTests(StoreCase):
    """Directories that cannot be read while names in them are changed."""

    def test_one_of_several(self) -> None:
        """Only new names in that directory are refused; what else is in the batch is stored, and nothing is lost."""
        for name in ("a/old", "b/old"):
            self.lay(name)
        store = self.store()
        before = count_descriptors()
        inode = os.stat(self.path("a")).st_ino
        real = os.scandir

        def scandir(fd: int) -> Any:
            if os.fstat(fd).st_ino == inode:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(fd)

        self.patch(os, "scandir", scandir)
        results = store.write_many([put_of(name, b"new") for name in ("a/new", "a/old", "b/new")])
        self.assertEqual([type(each) for each in results][::2], [Internal, Entry])
        self.assertEqual((self.content("b/new"), self.left()), (b"new", []))
        self.assertEqual(count_descriptors(), before)
        self.patch(os, "scandir", real)
        self.put(store, "a/new", b"new")
