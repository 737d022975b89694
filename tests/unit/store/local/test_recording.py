"""The records of the local store's changes: replayed, they give the tree, however many change it at the same time."""

from __future__ import annotations

import errno
import os
import random
import threading
from typing import Any, Callable, Sequence
from unittest import mock

from homeftp.audit.log import Audit
from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import Internal, Refusal
from homeftp.interfaces import UnrecordedChanges
from homeftp.model import ABSENT, SERVER, Actor, Change
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.changelog import described
from homeftp.syscalls import System
from tests.support import replay
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, put_of, sha

ANN = Actor("ann", "laptop", "192.0.2.1", "PUSH")

FILES = ["a", "b", "d/x", "d/y", "d/e/z", "q/r/s", "q/d/x"]
FOLDERS = ["d", "d/e", "q", "q/d", "q/r", "new"]


class Changer:
    """Changes a store at random, in the same few names as others do at the same time."""

    def __init__(self, store: LocalStore, seed: int) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self.done = 0

    def change(self, times: int) -> None:
        """So many tries; what is refused is refused."""
        steps: list[Callable[[], object]] = [self.put, self.put, self.put_large, self.make, self.remove, self.move]
        for _ in range(times):
            try:
                self._chance.choice([*steps, self.restore, self.move])()
                self.done += 1
            except Refusal:  # noqa: PERF203 (that is what happens to many)
                pass

    def put(self) -> None:
        """Some files at once."""
        puts = [
            put_of(name, self._chance.randbytes(9), hash=None, precondition=self._chance.choice([None, None, ABSENT]))
            for name in self._chance.sample(FILES, 3)
        ]
        self._store.write_many(puts)

    def put_large(self) -> None:
        """One by itself."""
        put, content = put_of(self._chance.choice(FILES), self._chance.randbytes(9))
        upload = self._store.upload(put)
        upload.write(content)
        upload.commit()

    def make(self) -> None:
        """A directory."""
        self._store.make_directory(put_of(self._chance.choice(FOLDERS), b"", hash=None)[0])

    def remove(self) -> None:
        """A file or a directory, with all that is in it perhaps."""
        name = self._chance.choice([*FILES, *FOLDERS])
        for _ in self._store.remove(parse(name), None, self._chance.random() < 0.3):
            pass

    def move(self) -> None:
        """A file or a directory."""
        names = self._chance.choice([FILES, FOLDERS])
        self._store.move(parse(self._chance.choice(names)), parse(self._chance.choice(names)), None, None)

    def restore(self) -> None:
        """A version."""
        self._store.restore(parse(self._chance.choice(FILES)), None, None)


class ReplayTests(StoreCase):
    """What is recorded is what was done."""

    def test_replay(self) -> None:
        """Four that change the same files leave a log that gives the tree; in another order it would not."""
        state = os.path.abspath(self.mktemp())
        audit = Audit(state, size=20_000, kept=100)
        self.addCleanup(audit.close)
        store = self.store(record_changes=audit.changed)
        changing = [Changer(store, seed) for seed in range(4)]
        store.make_directory(put_of("before", b"", hash=None)[0])  # those that follow may find no directory to move
        store.move(parse("before"), parse("after"), None, None)
        threads = [threading.Thread(target=each.change, args=(150,)) for each in changing]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertGreater(sum(each.done for each in changing), 200, "the control: much was changed")
        lines = replay.lines(state)
        self.assertEqual(replay.replay(lines), replay.tree_of(self.root))
        self.assertGreater(len(os.listdir(state)), 2, "the control: there are several files")
        kinds = {(line["change"], line["kind"]) for line in lines}
        both = {(what, kind) for what in ("add", "delete", "move") for kind in ("file", "directory")}
        self.assertEqual(kinds - {("metadata", "directory")}, {*both, ("replace", "file")})
        self.assertNotEqual(self.swapped(lines), replay.tree_of(self.root), "the control")

    def swapped(self, lines: list[dict[str, Any]]) -> replay.Tree | None:
        """What comes of it when the last two lines that are about one file change places."""
        for last in range(len(lines) - 1, 0, -1):
            for before in range(last - 1, -1, -1):
                if lines[last]["endpoint"] == lines[before]["endpoint"]:
                    lines[last], lines[before] = lines[before], lines[last]
                    try:
                        return replay.replay(lines)
                    except (AssertionError, KeyError):
                        return None
        raise AssertionError("no file was changed twice")


class WrittenTests(StoreCase):
    """What the log gets."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded: list[Change] = []
        self.failure: OSError | None = None

    def record(self, changes: Sequence[Change]) -> None:
        if self.failure is not None:
            raise self.failure
        self.recorded += changes

    def summary(self) -> list[tuple[Any, ...]]:
        """What was recorded since the last time, in short."""
        recorded, self.recorded = self.recorded, []
        return [
            (each.what, each.kind, each.endpoint.whole, *([each.to.whole] if each.to is not None else []))
            for each in recorded
        ]

    def test_facts(self) -> None:
        """Sizes and hashes of what is there now, and of what was, where that is known; and by whom."""
        store = self.store(record_changes=self.record)
        put, content = put_of("n/ew", b"four", actor=ANN)
        store.write_many([(put, content)])
        store.write_many([put_of("n/ew", b"sevenly", precondition=sha(b"four"), actor=ANN)])
        list(store.bind(ANN).remove(parse("n/ew"), sha(b"sevenly"), False))
        self.assertEqual({each.actor for each in self.recorded}, {ANN})
        folder, added, replaced, removed = self.recorded
        self.assertEqual((folder.what, folder.kind, folder.endpoint.whole), ("add", "directory", "n"))
        self.assertEqual((added.what, added.size, added.hash, added.old_size), ("add", 4, sha(b"four"), None))
        now = replaced.what, replaced.size, replaced.hash, replaced.old_size, replaced.old_hash
        self.assertEqual(now, ("replace", 7, sha(b"sevenly"), 4, sha(b"four")))
        self.assertEqual((removed.what, removed.old_size, removed.old_hash), ("delete", 7, sha(b"sevenly")))

    def test_each(self) -> None:
        """Each file and each directory that is made, removed or moved has its own line; what is refused has none."""
        store = self.store(record_changes=self.record)
        store.make_directory(put_of("m/n", b"", hash=None, mtime_us=None)[0])
        self.assertEqual(self.summary(), [("add", "directory", "m"), ("add", "directory", "m/n")])
        store.make_directory(put_of("m/n", b"", hash=None)[0])
        self.assertEqual(self.summary(), [("metadata", "directory", "m/n")])
        store.write_many([put_of("m/n/f", b"x"), put_of("m/g", b"y")])
        self.summary()
        store.move(parse("m/g"), parse("m/n/f"), None, None)
        store.move(parse("m"), parse("o"), None, None)
        self.assertEqual(self.summary(), [("move", "file", "m/g", "m/n/f"), ("move", "directory", "m", "o")])
        store.restore(parse("m/n/f"), None, None)
        made = [("add", "directory", "m"), ("add", "directory", "m/n")]
        self.assertEqual(self.summary(), [*made, ("add", "file", "m/n/f")])
        list(store.remove(parse("o"), None, True))
        gone = [("delete", "file", "o/n/f"), ("delete", "directory", "o/n"), ("delete", "directory", "o")]
        self.assertEqual(self.summary(), gone)
        (refused,) = store.write_many([put_of("m/n/f", b"z", precondition=ABSENT)])
        self.assertIsInstance(refused, Refusal)
        self.assertRaises(Refusal, lambda: list(store.remove(parse("m"), None, False)))
        self.assertEqual(self.summary(), [])

    def test_owed_at_the_end(self) -> None:
        """Closing the store records changes that could not be recorded before; no descriptor leaks meanwhile."""
        store = self.store(record_changes=self.record)
        store.make_directory(put_of("first", b"", hash=None, mtime_us=None)[0])
        self.summary()
        before = count_descriptors()
        self.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.assertRaises(Internal, store.make_directory, put_of("a/b/c", b"", hash=None)[0])
        self.assertEqual(count_descriptors(), before)
        self.failure = None
        store.close()
        made = [("add", "directory", name) for name in ("a", "a/b", "a/b/c")]
        self.assertEqual(self.summary(), [*made, ("metadata", "directory", "a/b/c")])

    def test_lost_at_the_end(self) -> None:
        """Changes that cannot be recorded at the end are reported one by one; the folder is released."""
        store = self.store(record_changes=self.record)
        self.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.assertRaises(Internal, store.bind(ANN).make_directory, put_of("a/b", b"", hash=None)[0])
        lost = self.assertRaises(UnrecordedChanges, store.close)
        self.assertIn("No space left", lost.message)
        names = [(each.what, each.endpoint.whole, each.actor) for each in lost.changes]
        self.assertEqual(names, [("add", "a", ANN), ("add", "a/b", ANN), ("metadata", "a/b", ANN)])
        self.store().close()
        self.assertEqual(described(lost.changes[0]), "add directory a (ann, laptop, 192.0.2.1)")
        moved = Change("move", "file", parse("a"), SERVER, parse("b/c"))
        self.assertEqual(described(moved), "move file a to b/c (the server)")

    def test_in_doubt(self) -> None:
        """A change is recorded though it is in doubt whether it lasts."""

        class NoLinks(System):
            """Old content is moved to where it is kept, and its folder cannot be made durable."""

            exchanged = False

            def link(self, source: bytes, target: bytes, **directories: Any) -> None:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))

            def exchange(self, one: bytes, other: bytes, **directories: Any) -> None:
                super().exchange(one, other, **directories)
                self.exchanged = True

        system = NoLinks()
        store = self.store(system, record_changes=self.record)
        self.put(store, "file", b"old")
        self.put(store, "file", b"newer")
        self.summary()
        system.exchanged = False

        def fail(syncing: Fsync, places: Sequence[DirHandle]) -> list[OSError | None]:
            return [OSError(5, "the disk") if system.exchanged else None for _ in places]

        with mock.patch.object(Fsync, "directories", fail):
            (refused,) = store.write_many([put_of("file", b"newest")])
        self.assertIsInstance(refused, InDoubt)
        self.assertEqual((self.content("file"), self.summary()), (b"newest", [("replace", "file", "file")]))

    def test_unwritable(self) -> None:
        """A log that fails fails the change, and lets nothing more be changed until what is owed is written."""
        store = self.store(record_changes=self.record)
        self.lay("file.txt")
        self.lay("a/file.txt")
        for number in (errno.ENOSPC, errno.EIO):
            self.failure = OSError(number, os.strerror(number))
            (result,) = store.write_many([put_of("first", b"%d" % number)])
            self.assertIsInstance(result, Internal)
            self.assertIn("the change was made", str(result))
            self.assertEqual(self.content("first"), b"%d" % number)
            before = replay.tree_of(self.root)
            (result,) = store.write_many([put_of("second", b"2")])
            self.assertIsInstance(result, Internal)
            self.assertIn("changes are refused until", str(result))
            for change in (
                lambda: store.make_directory(put_of("new/er", b"", hash=None)[0]),
                lambda: store.make_directory(put_of("a", b"", hash=None)[0]),
                lambda: list(store.remove(parse("file.txt"), None, False)),
                lambda: list(store.remove(parse("a"), None, True)),
                lambda: store.move(parse("file.txt"), parse("other"), None, None),
                lambda: store.move(parse("a"), parse("z"), None, None),
                lambda: self.stream(store, "large", bytes(2 * MIB), piece=MIB),
            ):
                self.assertIn("changes are refused", str(self.assertRaises(Internal, change)))
            self.assertEqual(replay.tree_of(self.root), before)
            self.failure = None
            (result,) = store.write_many([put_of("second", b"2")])
            self.assertNotIsInstance(result, Exception)
            names = [each.endpoint.whole for each in self.recorded]
            self.assertEqual(names, ["first", "second"])
            self.recorded.clear()
