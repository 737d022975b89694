"""Missing directories are made, and nothing else: neither recorded nor durable yet."""

from __future__ import annotations

import os
from threading import Thread
from typing import Any, Callable
from unittest import mock

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint, Changed, WrongKind
from homeftp.model import Actor, Change
from homeftp.store.local.commit.directorymaker import DirectoryMaker, Making
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.disk.saferoot import SafeRoot
from tests.support.descriptors import count_descriptors
from tests.support.stores import Recording, StoreCase, Walking
from tests.support.waiting import WITHIN

ANN = Actor("ann")


class DirectoryMakerTests(StoreCase):
    """The maker of a store."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []
        self.system = Recording()
        self.served = self.store(self.system, record_changes=self.changes.extend)
        self.maker: DirectoryMaker = self.served._writable.batch.directories.maker

    def make(
        self, name: str, *, exclusive: bool = False, missing: Callable[[Endpoint], None] = lambda _: None
    ) -> tuple[int, list[str]]:
        """Make a directory: how many handles there are, and what is new."""
        with self.maker.space.new_directories() as space:
            making = Making(ANN, space, [], missing)
            handles = self.maker.make(parse(name), making, exclusive=exclusive)
        close_all(handles)
        return len(handles), [str(new.endpoint) for new in making.made]

    def test_made(self) -> None:
        """It is made with its parents; their handles are given, from the one that existed."""
        os.mkdir(self.path("a"))
        before = count_descriptors()
        self.assertEqual(self.make("a/b/c"), (3, ["a/b", "a/b/c"]))
        self.assertEqual(self.make("a/b/c"), (1, []))
        self.assertEqual(count_descriptors(), before)

    def test_deep(self) -> None:
        """The cost grows with the parts of a path, and not with their square, where each is opened by itself."""
        self.served.close()
        self.maker = self.store(Walking())._writable.batch.directories.maker

        def opened(depth: int) -> int:
            with mock.patch.object(os, "open", wraps=os.open) as opens:
                self.assertEqual(self.make("/".join([f"deep{depth}", *["d"] * (depth - 1)]))[0], depth + 1)
            return opens.call_count

        few, many = opened(16), opened(64)
        self.assertGreater(few, 16, "the control: they are opened here")
        self.assertLess(many, 8 * few)

    def test_others_change_meanwhile(self) -> None:
        """Between two directories of a long way others can have their own changes recorded, in order."""
        recorded: list[list[str]] = []

        def another(directory: Endpoint) -> None:
            thread = Thread(target=self.maker.changelog.ensure_recorded, daemon=True)
            thread.start()
            thread.join(WITHIN)
            recorded.append([str(each.endpoint) for each in self.changes])

        self.make("a/b/c", missing=another)
        self.assertEqual(recorded, [[], ["a"], ["a", "a/b"]])

    def test_nothing_else(self) -> None:
        """The caller makes them durable, and has them recorded, together with others."""
        self.make("a/b")
        self.make("c")
        self.assertEqual((self.system.calls, self.changes), ([], []))
        self.maker.changelog.ensure_recorded()
        self.assertEqual(
            [(str(each.endpoint), each.actor) for each in self.changes], [(n, ANN) for n in ("a", "a/b", "c")]
        )
        with self.served._writable.batch.directories.opened_many({parse("d"): ANN}):
            self.assertNotEqual(self.system.calls, [], "the control")

    def test_refused(self) -> None:
        """What exists where nothing may, a name that is too similar, and a file on the way; no descriptor is lost."""
        self.lay("file")
        os.mkdir(self.path("a"))
        before = count_descriptors()
        for name, exclusive, kind in (("a", True, Changed), ("A", False, BadEndpoint), ("file/b", False, WrongKind)):
            self.assertRaises(kind, self.make, name, exclusive=exclusive)
        self.assertEqual(count_descriptors(), before)

    def test_moved_while_it_is_made(self) -> None:
        """A parent that is moved between two steps is made again: a write is not refused as "not found"."""
        real = SafeRoot.make_directories
        moves = [1]

        def moved(root: SafeRoot, endpoint: Endpoint, *args: Any, **more: Any) -> list[DirHandle]:
            handles = real(root, endpoint, *args, **more)
            if moves and endpoint.parts == ("a",):
                os.rename(self.path("a"), self.path(f"moved{moves.pop()}"))
            return handles

        self.patch(SafeRoot, "make_directories", moved)
        self.put(self.served, "a/b/c", b"content")
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "a", "moved1"])
        self.assertEqual(self.content("a/b/c"), b"content")
