"""Directories of new files: opened, or made durably, and removed again if they may not last."""

from __future__ import annotations

import os

from homeftp.endpoint import parse
from homeftp.errors import Changed, Internal, WrongKind
from homeftp.model import SERVER, Actor, Change
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.store import LocalStore
from tests.support.stores import Failing, Recording, StoreCase

ANN = Actor("ann")


class DirectoriesTests(StoreCase):
    """Several files at once."""

    def open(self, store: LocalStore, **names: Actor | None) -> dict[str, DirHandle | Exception]:
        """Open directories, "__" for "/"; they are closed at the end of the test."""
        wanted = {parse(name.replace("__", "/")): actor for name, actor in names.items()}
        opened = store._writable.batch.directories.open_many(wanted)
        self.addCleanup(close_all, opened.values())
        return {str(endpoint): handle for endpoint, handle in opened.items()}

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
        before = len(os.listdir("/dev/fd"))
        opened = self.open(store, a__b=SERVER, a__c=SERVER, a=SERVER)
        self.assertEqual(len(os.listdir("/dev/fd")), before + 3)
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

    def test_wrong_kind(self) -> None:
        """A file or a link on the way is refused; the others are made."""
        self.lay("file")
        os.symlink(self.outside, self.path("link"))
        opened = self.open(self.store(), file__a=SERVER, link__a=SERVER, b=SERVER)
        kinds = {name: type(handle) for name, handle in opened.items()}
        self.assertEqual(kinds, {"file/a": WrongKind, "link/a": WrongKind, "b": DirHandle})
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])
