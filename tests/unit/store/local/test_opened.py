"""The folder of a store is opened again when its disk is back, and never made anew where it is known."""

from __future__ import annotations

import errno
import os
from typing import Any, Sequence
from unittest import mock

from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, OperatorError
from homeftp.model import SERVER, Change
from homeftp.store.local.store import LocalStore
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, put_of


class KnownRootTests(StoreCase):
    """A root that was shared before."""

    def test_unmounted(self) -> None:
        """A known root without its metadata directory is refused in one line, which says how to confirm it."""
        error = self.assertRaises(OperatorError, self.store, known=True)
        self.assertIn("its disk is probably not mounted", str(error))
        self.assertNotIn("\n", str(error))
        self.assertEqual(os.listdir(self.root), [])
        command = str(error).rpartition("confirm that with: ")[2]
        self.assertEqual(os.system(command), 0)
        self.store(known=True).write_many([put_of("a.txt", b"a")])

    def test_new(self) -> None:
        """One that nobody knows is begun anew, and is the same root afterwards."""
        self.store().close()
        self.store(known=True)

    def test_unreadable(self) -> None:
        """A disk that fails at the metadata directory is not taken for one that is not mounted."""
        os.mkdir(self.path(".homeftp"))
        original = os.stat

        def fails(path: Any, **options: Any) -> os.stat_result:
            if path == b".homeftp":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(path, **options)

        with mock.patch("os.stat", fails):
            error = self.assertRaises(OperatorError, self.store, known=True)
        self.assertEqual(str(error), f"cannot share {self.root}: its folder .homeftp: Input/output error")
        self.store(known=True)

    def test_link(self) -> None:
        """A link in place of the metadata directory is none."""
        os.symlink(self.outside, self.path(".homeftp"))
        self.assertRaises(OperatorError, self.store, known=True)


class GoneTests(StoreCase):
    """The root's path leads elsewhere while the store is open."""

    def setUp(self) -> None:
        super().setUp()
        self.away = f"{self.root}.away"

    def leave(self) -> None:
        """Take the root away; its path is an empty folder, as the mount point of an unmounted disk is."""
        os.rename(self.root, self.away)
        os.mkdir(self.root)

    def come_back(self) -> None:
        """Put the root back."""
        os.rmdir(self.root)
        os.rename(self.away, self.root)

    def refused(self, store: LocalStore) -> None:
        """Everything is refused, and nothing is written to what took the root's place."""
        put = put_of("new.txt", b"new")
        for call in (
            lambda: store.write_many([put]),
            lambda: store.upload(put[0]),
            lambda: store.edit(put[0]),
            lambda: store.make_directory(put[0]),
            lambda: store.move(parse("a.txt"), parse("b.txt"), None, None),
            lambda: list(store.remove(parse("a.txt"), None, False)),
            lambda: store.stat(parse("a.txt")),
            lambda: list(store.list(ROOT, True)),
            store.space,
            store.maintain,
        ):
            self.assertIn("nothing was changed", str(self.assertRaises(Busy, call)))
        self.assertEqual(os.listdir(self.root), [])

    def test_gone(self) -> None:
        """Everything is refused while it is gone, and goes on when it is back; also if it is not even a folder."""
        store = self.store()
        store.write_many([put_of("a.txt", b"a")])
        self.assertEqual(store.problems(), [])
        for _ in range(2):
            self.leave()
            self.refused(store)
            self.assertIn(self.root, store.problems()[0])
            os.rmdir(self.root)
            self.assertRaises(Busy, store.stat, ROOT)
            os.mkdir(self.root)
            self.come_back()
            store.write_many([put_of("a.txt", b"a")])
            self.assertEqual(store.problems(), [])

    def test_bound(self) -> None:
        """A store that was bound to an actor before goes on too."""
        store = self.store()
        bound = store.bind(SERVER)
        self.leave()
        self.assertRaises(Busy, bound.write_many, [put_of("a.txt", b"a")])
        self.come_back()
        bound.write_many([put_of("a.txt", b"a")])
        self.assertEqual(store.problems(), [])

    def test_upload(self) -> None:
        """An upload that was under way is refused, and what arrived is kept where the disk is."""
        store = self.store()
        content = b"x" * 2**21
        put, _ = put_of("large", content)
        upload = store.upload(put)
        upload.write(content[: 2**20])
        self.leave()
        self.assertEqual(len(store.problems()), 1)
        self.assertRaises(Busy, upload.write, content[2**20 :])
        self.come_back()
        point = store.resume_point(put.endpoint, put.hash, put.size, put.mtime_us)
        self.assertEqual(point.size if point else None, 2**20)

    def test_commit(self) -> None:
        """An upload that is complete is not committed to a root that was taken away."""
        store = self.store()
        put, content = put_of("large", b"x" * 10)
        upload = store.upload(put)
        upload.write(content)
        self.leave()
        self.assertEqual(len(store.problems()), 1)
        self.assertRaises(Busy, upload.commit)
        self.assertEqual((os.listdir(self.root), os.listdir(self.away)), ([], [".homeftp"]))

    def test_descriptors(self) -> None:
        """What was open of a root that is gone is closed as soon as nothing uses it, and unlocked at once."""
        store = self.store()
        pages = store.list(ROOT, True)
        open_at_first = count_descriptors()
        self.leave()
        self.assertEqual(len(store.problems()), 1)
        other = LocalStore(self.away, self.cache)
        other.close()
        self.come_back()
        self.assertEqual(store.problems(), [])
        del pages
        self.assertEqual(count_descriptors(), open_at_first)

    def test_unrecorded(self) -> None:
        """Changes that could not be recorded before it went are recorded afterwards."""
        recorded: list[Change] = []
        fails = [True]

        def record(changes: Sequence[Change]) -> None:
            if fails[0]:
                raise OSError(28, "No space left on device")
            recorded.extend(changes)

        store = self.store(record_changes=record)
        store.write_many([put_of("a.txt", b"a")])
        self.leave()
        self.assertEqual(len(store.problems()), 1)
        self.come_back()
        fails[0] = False
        store.write_many([put_of("b.txt", b"b")])
        self.assertEqual([str(change.endpoint) for change in recorded], ["a.txt", "b.txt"])
