"""Directories of new files: opened, or made durably, and removed again if they may not last."""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import Event, Thread
from typing import Callable

from homeftp.endpoint import parse
from homeftp.errors import Changed, Internal, WrongKind
from homeftp.model import SERVER, Actor, Change
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.store import LocalStore
from tests.support.descriptors import count_descriptors
from tests.support.stores import Failing, Recording, StoreCase

ANN = Actor("ann")


TIMEOUT = 30.0


class Pausing(Recording):
    """Waits, before it makes the first directory durable, until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(syncfs=False)
        self.reached, self.go_on = Event(), Event()

    def fsync_directory(self, fd: int) -> None:
        """Wait, then record."""
        if self.opened:
            self.reached.set()
            self.go_on.wait(TIMEOUT)
        super().fsync_directory(fd)


class DirectoriesTests(StoreCase):
    """Several files at once."""

    def open(self, store: LocalStore, **names: Actor | None) -> dict[str, DirHandle | Exception]:
        """Open directories, "__" for "/"; they are closed at the end of the test."""
        wanted = {parse(name.replace("__", "/")): actor for name, actor in names.items()}
        held = ExitStack()
        self.addCleanup(held.close)
        opened = held.enter_context(store._writable.batch.directories.opened_many(wanted))
        return {str(endpoint): handle for endpoint, handle in opened.handles.items()}

    def test_opened(self) -> None:
        """Existing ones are opened; a missing one is made if there is an actor for it, and is refused otherwise."""
        changes: list[Change] = []
        os.makedirs(self.path("a"))
        opened = self.open(self.store(record_changes=changes.extend), a=None, b__c=ANN, d__e=None)
        self.assertEqual(
            {name: type(handle) for name, handle in opened.items()}, {"a": DirHandle, "b/c": DirHandle, "d/e": Changed}
        )
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "a", "b"])
        self.assertEqual([(str(change.endpoint), change.actor) for change in changes], [("b", ANN), ("b/c", ANN)])

    def test_durable(self) -> None:
        """New ones are durable, the deepest first, and then the parent of the topmost."""
        system = Recording(syncfs=False)
        self.open(self.store(system), a__b__c=SERVER)
        inodes = [os.stat(self.path(name)).st_ino for name in ("a/b/c", "a/b", "a", "")]
        self.assertEqual(system.calls, [("fsync_directory", inode) for inode in inodes])

    def test_shared_parents(self) -> None:
        """Directories with a common parent are made together, and no descriptor is lost."""
        store = self.store()
        before = count_descriptors()
        opened = self.open(store, a__b=SERVER, a__c=SERVER, a=SERVER)
        self.assertEqual(count_descriptors(), before + 3)
        self.assertEqual({type(handle) for handle in opened.values()}, {DirHandle})

    def test_not_durable(self) -> None:
        """If one of them cannot be made durable, none exists afterwards, and that is recorded too."""
        for at in range(1, 4):
            changes: list[Change] = []
            store = self.store(Failing(at, syncfs=False), record_changes=changes.extend)
            opened = self.open(store, a__b=ANN, a__c=ANN)
            self.assertEqual({type(handle) for handle in opened.values()}, {Internal})
            self.assertEqual(os.listdir(self.root), [".homeftp"])
            self.assertEqual(sorted(change.what for change in changes), ["add"] * 3 + ["delete"] * 3)
            store.close()

    def test_others_need_not_wait(self) -> None:
        """While directories are made, others can be opened; those that are made only once they are durable."""
        os.makedirs(self.path("there/beside"))
        system = Pausing()
        directories = self.store(system)._writable.batch.directories
        durable: list[int] = []

        def open(name: str) -> None:
            with directories.opened(parse(name), ANN, target=parse(name), size=0):
                durable.append(len(system.calls))

        making, waiting = (Thread(target=open, args=(name,)) for name in ("there/new/one/two", "there/new/one"))
        making.start()
        self.assertTrue(system.reached.wait(TIMEOUT))
        for name in ("there", "there/beside"):
            open(name)
        self.assertEqual((durable, making.is_alive()), ([0, 0], True))
        waiting.start()
        system.go_on.set()
        making.join(TIMEOUT)
        waiting.join(TIMEOUT)
        self.assertEqual(durable, [0, 0, 4, 4])

    def test_wrong_kind(self) -> None:
        """A file or a link on the way is refused; the others are made."""
        self.lay("file")
        os.symlink(self.outside, self.path("link"))
        opened = self.open(self.store(), file__a=SERVER, link__a=SERVER, b=SERVER)
        kinds = {name: type(handle) for name, handle in opened.items()}
        self.assertEqual(kinds, {"file/a": WrongKind, "link/a": WrongKind, "b": DirHandle})
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])


class UnusedTests(StoreCase):
    """Directories that were made for requests which were refused."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []
        self.served = self.store(record_changes=self.changes.extend)
        self.directories = self.served._writable.batch.directories

    def here(self) -> list[str]:
        """All that is in the root."""
        found = [
            os.path.relpath(os.path.join(at, name), self.root) for at, names, _ in os.walk(self.root) for name in names
        ]
        return sorted(name for name in found if not name.startswith(".homeftp"))

    def refuse(self, name: str, *, within: Callable[[], object] = list) -> None:
        """Open a directory, call `within`, and fail."""
        with (
            self.assertRaises(Changed),
            self.directories.opened(parse(name), ANN, target=parse(name), size=0),
        ):
            within()
            raise Changed("refused")

    def test_removed(self) -> None:
        """What was made goes again, and both are recorded; what existed stays, and so does what succeeds."""
        os.mkdir(self.path("there"))
        self.refuse("there/a/b")
        self.assertEqual(self.here(), ["there"])
        self.assertEqual(
            [(each.what, str(each.endpoint)) for each in self.changes],
            [
                *[("add", "there/a"), ("add", "there/a/b"), ("delete", "there/a/b"), ("delete", "there/a")],
            ],
        )
        with self.directories.opened(parse("there/a/b"), ANN, target=parse("x"), size=0):
            pass
        self.assertEqual(self.here(), ["there", "there/a", "there/a/b"])
        self.assertEqual(self.directories._new, {})

    def test_needed_by_another(self) -> None:
        """What another request has opened meanwhile stays if that succeeds, and goes with it if it does not."""
        other = ExitStack()
        opened = self.directories.opened(parse("a/b/c"), ANN, target=parse("x"), size=0)
        self.refuse("a/b", within=lambda: other.enter_context(opened))
        self.assertEqual(self.here(), ["a", "a/b", "a/b/c"])
        other.close()
        self.assertEqual(self.here(), ["a", "a/b", "a/b/c"])
        self.refuse("x/y", within=lambda: self.refuse("x/y/z"))
        self.assertEqual(self.here(), ["a", "a/b", "a/b/c"])

    def test_needed_by_this(self) -> None:
        """What the request needed for something that succeeded stays, and only that."""
        wanted = {parse(name): ANN for name in ("a/b", "a/c", "d/e")}
        with self.directories.opened_many(wanted) as opened:
            opened.keep([parse("a/b")])
        self.assertEqual(self.here(), ["a", "a/b"])

    def test_used_by_another_program(self) -> None:
        """What another program uses, has moved, or has replaced stays."""
        self.refuse("a/b", within=lambda: self.lay("a/b/file"))
        self.assertEqual(self.content("a/b/file"), b"old")
        self.refuse("c/d", within=lambda: os.rename(self.path("c"), self.path("e")))
        self.assertEqual(self.here(), ["a", "a/b", "e", "e/d"])

        def replace() -> None:
            os.rename(self.path("f"), self.path("g"))
            os.mkdir(self.path("f"))

        self.refuse("f", within=replace)
        self.assertEqual(self.here(), ["a", "a/b", "e", "e/d", "f", "g"])
