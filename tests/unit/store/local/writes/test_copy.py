"""Copies inside the store: complete or not at all, on their preconditions."""

from __future__ import annotations

import os
import stat
from typing import Generator
from unittest import mock

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, FiletypeNotAllowed, NoSpace, NotFound, TooLarge, WrongKind
from homeftp.model import ABSENT, PRESENT, Entry
from homeftp.store.local.staging.writeback import WRITEBACK
from homeftp.store.local.store import LocalStore
from tests.support.storecases import SpaceCase, VersionsCase
from tests.support.stores import LONG_AGO, Queueing, sha


def copy(store: LocalStore, source: str, target: str, of: str | None = None, at: str | None = None) -> Entry:
    """Copy a file."""
    *_, entry = store.copy(parse(source), parse(target), source_precondition=of, target_precondition=at)
    assert isinstance(entry, Entry)
    return entry


class CopyTests(VersionsCase):
    """Copying."""

    def test_copied(self) -> None:
        """Content, mtime and mode are copied, into directories that are made; the source stays."""
        os.chmod(self.lay("file", b"content" * 1000), 0o640)
        entry = copy(self.store(), "file", "d/e/copy")
        found = os.stat(self.path("d/e/copy"))
        self.assertEqual((found.st_mtime_ns, stat.S_IMODE(found.st_mode)), (LONG_AGO * 1000, 0o640))
        self.assertEqual((self.content("d/e/copy"), self.content("file")), (b"content" * 1000,) * 2)
        self.assertEqual((entry.hash, self.left()), (sha(b"content" * 1000), []))
        self.assertNotEqual(found.st_ino, os.stat(self.path("file")).st_ino, "a link would be changed with the source")

    def test_writeback(self) -> None:
        """The disk has one part of a copy at a time, all through a large file: nobody's flush finds all of it."""
        system = Queueing()
        self.lay("file", bytes(6 * WRITEBACK + 1))
        copy(self.store(system), "file", "copy")
        self.assertEqual((system.given, system.most), (6 * WRITEBACK, WRITEBACK))

    def test_steps(self) -> None:
        """A large copy is made in steps; until the last one nothing is there, and where it is stopped nothing stays."""
        self.lay("file", bytes(2 * WRITEBACK + 1))
        store = self.store()
        before = sorted(os.listdir(self.root))

        def begin() -> Generator[int | Entry, None, None]:
            steps = store.copy(parse("file"), parse("copy"), source_precondition=None, target_precondition=None)
            assert isinstance(steps, Generator)
            return steps

        stopped = begin()
        self.assertEqual([next(stopped), next(stopped)], [WRITEBACK] * 2)
        stopped.close()
        self.assertEqual((self.left(), sorted(os.listdir(self.root))), ([], before))
        *sizes, entry = begin()
        self.assertEqual((sizes, isinstance(entry, Entry)), ([WRITEBACK] * 2, True))
        self.assertIn("copy", os.listdir(self.root), "the control")

    def test_replaced(self) -> None:
        """A file at the target becomes a version."""
        self.lay("file", b"new")
        self.lay("old", b"old")
        copy(self.store(), "file", "old", sha(b"new"), sha(b"old"))
        self.assertEqual((self.content("old"), self.contents()), (b"new", [b"old"]))

    def test_refused(self) -> None:
        """A copy that is not possible or not allowed is refused, and nothing changes."""
        self.lay("file.txt", b"content")
        self.lay("old.txt", b"old")
        self.lay("d/x.txt", b"x")
        store = self.store(filetypes=(".txt",))
        refusals: list[tuple[type[Exception], tuple[str, str, str | None, str | None]]] = [
            (NotFound, ("none.txt", "a.txt", None, None)),
            (WrongKind, ("d", "a.txt", None, None)),
            (WrongKind, ("file.txt", "d.txt/x.txt", None, None)),
            (BadRequest, ("file.txt", "file.txt", None, None)),
            (FiletypeNotAllowed, ("file.txt", "a.exe", None, None)),
            (Changed, ("file.txt", "a.txt", sha(b"other"), None)),
            (Changed, ("file.txt", "a.txt", ABSENT, None)),
            (Changed, ("file.txt", "old.txt", None, ABSENT)),
            (Changed, ("file.txt", "old.txt", None, sha(b"other"))),
            (Changed, ("file.txt", "a.txt", None, PRESENT)),
        ]
        self.lay("d.txt", b"")
        for kind, arguments in refusals:
            with self.assertRaises(kind):
                copy(store, *arguments)
        with self.assertRaises(WrongKind):
            list(store.copy(ROOT, parse("a.txt"), source_precondition=None, target_precondition=None))
        self.assertEqual((self.content("old.txt"), self.left(), self.contents()), (b"old", [], []))
        with self.assertRaises(TooLarge):
            store.close()
            copy(self.store(file_size=6), "file.txt", "a.txt")

    def test_changed_meanwhile(self) -> None:
        """A source that another program changes while it is copied is refused."""
        self.lay("file", b"content")
        store = self.store()
        with mock.patch("homeftp.store.local.writes.copy.same_content", return_value=False), self.assertRaises(Changed):
            copy(store, "file", "copy")
        self.assertEqual((self.left(), sorted(os.listdir(self.root))), ([], [".homeftp", "file"]))


class QuotaTests(SpaceCase):
    """A store with a quota."""

    def test_counted(self) -> None:
        """A copy counts like any file; one for which the quota has no space is refused."""
        self.lay("file", bytes(3 * 4096))
        store = self.counted(8 * 4096)
        copy(store, "file", "one")
        self.assertEqual((store._writable.accounting.whole.left(), self.used()), (2 * 4096, 6 * 4096))
        with self.assertRaises(NoSpace):
            copy(store, "file", "two")
        self.assertEqual((store._writable.accounting.whole.left(), self.left()), (2 * 4096, []))
