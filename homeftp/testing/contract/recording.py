"""The contract of the change log: what is recorded is what was done, by whom, and in that order."""

from __future__ import annotations

import errno
import os
import random
from typing import Any, Callable, Sequence

from homeftp.endpoint import parse
from homeftp.errors import Changed, Internal, Refusal
from homeftp.interfaces.store import IStore, UnrecordedChanges
from homeftp.model import ABSENT, Actor, Change, Entry, HashCondition
from homeftp.testing.contract.case import ContractCase, request, sha

ANN = Actor("ann", "laptop", "192.0.2.1", "PUSH")
BOB = Actor("bob", None, "192.0.2.2", "MOVE")

FILES = ["a.txt", "d/b.txt", "d/e/c.txt", "q/a.txt"]
FOLDERS = ["d", "d/e", "q", "new"]


def replayed(changes: Sequence[Change], *, at_once: bool = False) -> dict[str, int | None]:
    """The tree that the changes give when they are made one after the other: sizes, and None for directories.

    `at_once`: a directory may be removed with all that is in it (`Capabilities.atomic_directory_removal`).
    """
    tree: dict[str, int | None] = {}
    for change in changes:
        path, to = change.endpoint.whole, "" if change.to is None else change.to.whole
        if change.what in ("add", "replace"):
            assert (path in tree) == (change.what == "replace"), change
            tree[path] = change.size if change.kind == "file" else None
        elif change.what == "delete":
            beneath = [each for each in tree if each.startswith(f"{path}/")]
            assert at_once or not beneath, change
            for each in (path, *beneath):
                del tree[each]
        elif change.what == "move":
            for each in [each for each in tree if each == path or each.startswith(f"{path}/")]:
                tree[to + each[len(path) :]] = tree.pop(each)
        elif change.what not in ("evict", "prune"):
            assert path in tree or not path, change
    return tree


class RecordingContract(ContractCase):
    """The contract of the change log."""

    def setUp(self) -> None:
        """Record into a list; `failure` is raised instead while it is set."""
        super().setUp()
        self.recorded: list[Change] = []
        self.failure: OSError | None = None

    def record(self, changes: Sequence[Change]) -> None:
        """Record changes, as the store calls it."""
        if self.failure is not None:
            raise self.failure
        self.recorded += changes

    def summary(self) -> list[tuple[str, ...]]:
        """The records since the last call, in short."""
        recorded, self.recorded = self.recorded, []
        return [
            (each.what, each.kind, each.endpoint.whole, *([each.to.whole] if each.to is not None else []))
            for each in recorded
        ]

    def test_each(self) -> None:
        """Each file and each directory that is made, replaced, moved or removed has one record; refusals have none."""
        store = self.store(record_changes=self.record)
        self.write(store, "m/n/f.txt", b"f")
        made = [("add", "directory", "m"), ("add", "directory", "m/n"), ("add", "file", "m/n/f.txt")]
        self.assertEqual(self.summary(), made)
        self.write(store, "m/n/f.txt", b"ff")
        self.upload(store, "m/g.txt", b"g")
        self.assertEqual(self.summary(), [("replace", "file", "m/n/f.txt"), ("add", "file", "m/g.txt")])
        self.move(store, "m/g.txt", "m/n/f.txt")
        self.move(store, "m", "o")
        self.assertEqual(self.summary(), [("move", "file", "m/g.txt", "m/n/f.txt"), ("move", "directory", "m", "o")])
        store.make_directory(request("o", mode=0o700))
        self.assertEqual(self.summary(), [("metadata", "directory", "o")] if store.capabilities.metadata else [])
        self.remove(store, "o", recursive=True)
        gone = [("delete", "file", "o/n/f.txt"), ("delete", "directory", "o/n"), ("delete", "directory", "o")]
        at_once = store.capabilities.atomic_directory_removal
        self.assertEqual(self.summary(), gone[-1:] if at_once else gone)
        self.write(store, "x.txt", b"x")
        self.summary()
        self.assertRaises(Refusal, self.write, store, "x.txt", b"y", precondition=ABSENT)
        self.assertRaises(Refusal, self.remove, store, "none.txt")
        store.make_directory(request("made"))
        store.make_directory(request("made"))
        self.assertEqual(self.summary(), [("add", "directory", "made")])
        if store.capabilities.copy:
            self.copy(store, "x.txt", "made/y.txt")
            self.assertEqual(self.summary(), [("add", "file", "made/y.txt")])
        if store.capabilities.metadata:
            store.set_metadata(parse("x.txt"), mtime_us=1, mode=None, precondition=None)
            self.assertEqual(self.summary(), [("metadata", "file", "x.txt")])
        if store.capabilities.edit:
            store.edit(request("x.txt")).commit()
            self.assertEqual(self.summary(), [("replace", "file", "x.txt")])
        if store.capabilities.versions:
            self.remove(store, "made", recursive=True)
            self.remove(store, "x.txt")
            self.summary()
            store.restore(parse("x.txt"), None, None)
            self.assertEqual(self.summary(), [("add", "file", "x.txt")])

    def test_facts(self) -> None:
        """A record has size and hash of the new content, the old size, and the old hash if the request named it."""
        store = self.store(record_changes=self.record)
        self.write(store, "a.txt", b"four")
        self.write(store, "a.txt", b"sevenly", precondition=sha(b"four"))
        self.remove(store, "a.txt", sha(b"sevenly"))
        added, replaced, removed = self.recorded
        self.assertEqual((added.size, added.hash, added.old_size), (4, sha(b"four"), None))
        facts = replaced.size, replaced.hash, replaced.old_size, replaced.old_hash
        self.assertEqual(facts, (7, sha(b"sevenly"), 4, sha(b"four")))
        self.assertEqual((removed.size, removed.old_size, removed.old_hash), (None, 7, sha(b"sevenly")))
        self.write(store, "b.txt", b"three")
        self.write(store, "c.txt", b"old")
        self.recorded.clear()
        self.move(store, "b.txt", "d.txt", sha(b"three"))
        self.move(store, "d.txt", "c.txt", None, sha(b"old"))
        first, onto = self.recorded
        self.assertEqual((first.size, first.hash, first.old_size, first.old_hash), (5, sha(b"three"), None, None))
        self.assertEqual((onto.size, onto.old_size, onto.old_hash), (5, 3, sha(b"old")))
        self.assertIn(onto.hash, (None, sha(b"three")))

    def test_plain_hashes(self) -> None:
        """Records and entries have plain strings as hashes, which can be encoded, also where a condition was met."""
        store = self.store(record_changes=self.record)
        old = {"mtime_us": 1_600_000_000_000_000}  # a file of this moment might have to be hashed first
        one, two, three = (HashCondition(sha(content)) for content in (b"one", b"two", b"three"))
        entries: list[Entry] = [
            self.write(store, "a.txt", b"one", **old),
            self.write(store, "a.txt", b"two", precondition=one, **old),
            self.upload(store, "a.txt", b"three", precondition=two, **old),
            self.write(store, "b.txt", b"one", **old),
            self.move(store, "a.txt", "b.txt", three, one),
        ]
        if store.capabilities.copy:
            entries.append(self.copy(store, "b.txt", "c.txt", three))
        if store.capabilities.metadata:
            entries.append(store.set_metadata(parse("b.txt"), mtime_us=1, mode=None, precondition=three))
        self.write(store, "d.txt", b"one", **old)
        self.remove(store, "d.txt", one)
        hashes = [each.hash for each in entries] + [each.hash for each in self.recorded]
        hashes += [each.old_hash for each in self.recorded]
        self.assertEqual({type(each) for each in hashes if each is not None}, {str})

    def test_actors(self) -> None:
        """A change is recorded as made by the bound actor, or by the one in the request where that names one."""
        store = self.store(record_changes=self.record)
        ann, bob = store.bind(ANN), store.bind(BOB)
        self.write(store, "server.txt", b"")
        self.write(ann, "d/ann.txt", b"")
        ann.write_many([(request("both.txt", actor=BOB), b""), (request("mine.txt"), b"")])
        self.upload(bob, "bob.txt", b"")
        bob.make_directory(request("e", actor=ANN))
        self.move(ann, "bob.txt", "e/f/g.txt")
        self.remove(bob, "e", recursive=True)
        by = [(each.endpoint.whole, each.actor.account) for each in self.recorded]
        first = [("server.txt", None), ("d", "ann"), ("d/ann.txt", "ann"), ("both.txt", "bob"), ("mine.txt", "ann")]
        second = [("bob.txt", "bob"), ("e", "ann"), ("e/f", "ann"), ("bob.txt", "ann")]
        last = [("e/f/g.txt", "bob"), ("e/f", "bob"), ("e", "bob")]
        self.assertEqual(by, first + second + (last[-1:] if store.capabilities.atomic_directory_removal else last))
        self.assertEqual(self.tree(ann), self.tree(store))
        bound = ann.bind(BOB).bind(ANN)
        self.write(bound, "again.txt", b"")
        self.assertEqual(self.recorded[-1].actor, ANN)
        self.upload(ann, "large.txt", b"", actor=BOB)
        self.assertEqual(self.recorded[-1].actor, BOB)
        if store.capabilities.edit:
            ann.edit(request("large.txt", actor=BOB)).commit()
            self.assertEqual((self.recorded[-1].what, self.recorded[-1].actor), ("replace", BOB))
            bob.edit(request("large.txt")).commit()
            self.assertEqual(self.recorded[-1].actor, BOB)
        if store.capabilities.metadata:
            ann.set_metadata_many([request("large.txt", mtime_us=1), request("large.txt", mtime_us=2, actor=BOB)])
            self.assertEqual([each.actor for each in self.recorded[-2:]], [ANN, BOB])

    def test_replay(self) -> None:
        """After concurrent changes by several actors, replaying the records gives the tree."""
        store = self.store(record_changes=self.record)
        self.together([_Changer(self, store, seed).run for seed in range(4)])
        self.assertGreater(len(self.recorded), 100)
        there = {entry.name: entry.size if entry.kind == "file" else None for entry in self.listed(store)}
        at_once = store.capabilities.atomic_directory_removal
        self.assertEqual(replayed(self.recorded, at_once=at_once), there)

    def test_unrecorded(self) -> None:
        """Where the log fails the change is made and refused as internal; nothing more is changed until it works."""
        store = self.store(record_changes=self.record)
        self.write(store, "d/a.txt", b"a")
        self.summary()
        self.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.assert_refused(Internal, self.write, store, "first.txt", b"1")
        self.assertEqual(self.content(store, "first.txt"), b"1")
        before = self.tree(store)
        acts: list[Callable[[], object]] = [
            lambda: self.write(store, "second.txt", b"2"),
            lambda: self.upload(store, "second.txt", b"2"),
            lambda: store.make_directory(request("e/f")),
            lambda: self.move(store, "d/a.txt", "b.txt"),
            lambda: self.move(store, "d", "e"),
            lambda: self.remove(store, "d/a.txt"),
            lambda: self.remove(store, "d", recursive=True),
        ]
        for act in acts:
            self.assert_refused(Internal, act)
            self.assertEqual(self.tree(store), before)
        self.failure = None
        self.write(store, "second.txt", b"2")
        self.assertEqual(self.summary(), [("add", "file", "first.txt"), ("add", "file", "second.txt")])

    def test_bound(self) -> None:
        """Stores for different actors are one store: each sees the changes of the others, also after refusals."""
        store = self.store(record_changes=self.record)
        bound = [store.bind(ANN), store.bind(BOB)]
        for number, (one, other) in enumerate((bound, bound[::-1])):
            self.write(one, f"d/{number}.txt", b"content")
            self.assert_refused(Changed, self.write, one, "d/0.txt", b"other", precondition=ABSENT)
            self.failure = OSError(errno.EIO, os.strerror(errno.EIO))
            self.assert_refused(Internal, self.write, one, "refused.txt", b"content")
            self.failure = None
            self.write(other, f"{number}.txt", b"content")
        for each in bound:
            self.assertEqual(self.tree(each), self.tree(store))
        self.assertLessEqual({"d/0.txt", "d/1.txt", "0.txt", "1.txt"}, set(self.names(store)))

    def test_close(self) -> None:
        """A change that was not recorded is recorded at the close, or reported; a second close does nothing."""
        for works in (True, False):
            store = self.make_store(self.with_options(record_changes=self.record))
            self.failure = OSError(errno.EIO, os.strerror(errno.EIO))
            self.assertRaises(Internal, store.make_directory, request("d/e"))
            made = self.names(store)
            self.assertIn(made, (["d"], ["d", "d/e"]), "the rest may not have been begun")
            self.failure = None if works else self.failure
            if works:
                store.close()
                self.assertEqual(self.summary(), [("add", "directory", name) for name in made])
            else:
                lost = self.assertRaises(UnrecordedChanges, store.close)
                self.assertEqual([each.endpoint.whole for each in lost.changes], made)
            store.close()


class _Changer:
    """Changes a store at random, in the same few names as others do at the same time."""

    def __init__(self, case: RecordingContract, store: IStore, seed: int) -> None:
        self._case = case
        self._store = store.bind(Actor(f"changer {seed}"))
        self._random = random.Random(seed)

    def run(self) -> None:
        steps: list[Callable[[], Any]] = [self._write, self._write, self._upload, self._make, self._move, self._remove]
        for _ in range(60):
            try:
                self._random.choice(steps)()
            except Refusal:  # noqa: PERF203 (they get in each other's way)
                continue

    def _write(self) -> Sequence[Entry | Exception]:
        names = self._random.sample(FILES, 2)
        contents = [self._random.randbytes(self._random.randrange(9)) for _ in names]
        return self._store.write_many(
            [(request(name, size=len(content)), content) for name, content in zip(names, contents, strict=True)]
        )

    def _upload(self) -> Entry:
        return self._case.upload(self._store, self._random.choice(FILES), self._random.randbytes(5))

    def _make(self) -> Entry:
        return self._store.make_directory(request(self._random.choice(FOLDERS)))

    def _move(self) -> Entry:
        names = self._random.choice([FILES, FOLDERS])
        return self._case.move(self._store, self._random.choice(names), self._random.choice(names))

    def _remove(self) -> int:
        name = self._random.choice([*FILES, *FOLDERS])
        return self._case.remove(self._store, name, recursive=self._random.random() < 0.3)
