"""Marks of damage: they are about one file as it was."""

from __future__ import annotations

import errno
import os
from typing import Any
from unittest import mock

from homeftp.endpoint import ROOT, parse
from homeftp.hashing.hashcache import CONTENT, CachedHash
from homeftp.model import Damage
from homeftp.store.local.store import LocalStore
from tests.support.flips import FlipCase
from tests.support.stores import LONG_AGO, sha


class MarksTests(FlipCase):
    """`DamageMarks`."""

    def damaged_store(self) -> LocalStore:
        """`d/a` is damaged, and known to be."""
        store = self.store()
        self.put(store, "d/a", b"good")
        self.flip("d/a", b"evil")
        list(store.verify(ROOT))
        self.assertEqual([each.name for each in store.damaged()], ["d/a"])
        return store

    def test_changed_by_others(self) -> None:
        """A mark goes with any change of the file by another program: it is what somebody wants it to be."""

        def replace(path: str) -> None:
            os.rename(path, f"{path}.moved")
            with open(path, "w") as file:
                file.write("another file")

        for change in (os.utime, replace):
            self.root = os.path.abspath(self.mktemp())
            os.mkdir(self.root)
            store = self.damaged_store()
            change(self.path("d/a"))
            self.assertEqual((list(store.damaged()), self.cache.damaged()), ([], []))
            store.close()

    def test_not_there(self) -> None:
        """A file that is not there is not told; its mark is there again with it, as with a disk that is mounted."""
        for name in ("d/a", "d"):
            self.root = os.path.abspath(self.mktemp())
            os.mkdir(self.root)
            store = self.damaged_store()
            before = list(store.damaged())
            os.rename(self.path(name), self.path("moved"))
            self.assertEqual(list(store.damaged()), [])
            os.rename(self.path("moved"), self.path(name))
            self.assertEqual(list(store.damaged()), before)
            store.close()

    def test_link_in_place(self) -> None:
        """A symbolic link in the place of the file's directory is not followed."""
        store = self.damaged_store()
        os.rename(self.path("d"), self.path("moved"))
        os.symlink("moved", self.path("d"))
        self.assertEqual(list(store.damaged()), [])

    def test_link_to_it(self) -> None:
        """A symbolic link in the place of the file is not followed either, and takes the mark away."""
        store = self.damaged_store()
        os.rename(self.path("d/a"), self.path("moved"))
        os.symlink("../moved", self.path("d/a"))
        self.assertEqual((list(store.damaged()), self.cache.damaged()), ([], []))

    def test_failing_disk(self) -> None:
        """A file that the disk does not even find any more, because it fails there, is still told as damaged."""
        store = self.damaged_store()
        before = list(store.damaged())
        original = os.stat

        def fails(path: Any, **options: Any) -> os.stat_result:
            if path == b"a":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(path, **options)

        with mock.patch("os.stat", fails):
            self.assertEqual(list(store.damaged()), before)

    def test_other_roots(self) -> None:
        """What is marked in another folder, for which the state folder was used before, is not this store's."""
        store = self.damaged_store()
        found = os.stat(self.path("d/a"))
        for folder in (f"{self.root}-old", os.path.dirname(self.root)):
            row = CachedHash(folder, "x", found, sha(b"x"), LONG_AGO, CONTENT)
            self.cache.record_reads([row._replace(read_us=1)])
        self.assertEqual(list(store.damaged()), [Damage("d/a", "content", sha(b"good"))])
        self.assertEqual(len(self.cache.damaged()), 3)

    def test_version(self) -> None:
        """A version is told by the file that it is of, and by its time."""
        store = self.damaged_store()
        self.put(store, "d/a", b"new")
        ((version,),) = store.versions(parse("d/a"))
        self.assertEqual(list(store.damaged()), [Damage("d/a", "content", sha(b"good"), version.at_us)])
