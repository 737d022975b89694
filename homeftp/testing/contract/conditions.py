"""The contract of preconditions: the same table for every method, and one winner among many writers."""

from __future__ import annotations

from functools import partial
from typing import Callable

from homeftp.endpoint import parse
from homeftp.errors import Changed, Refusal, WrongKind
from homeftp.interfaces.store import IDraft, IStore
from homeftp.model import ABSENT, PRESENT, Entry
from homeftp.testing.contract.case import ContractCase, request, sha

Write = Callable[[IStore, str, "str | None"], object]
"""Puts b"new" at a path, on a condition."""

OUTCOMES: dict[str, dict[str | None, type[Refusal] | None]] = {
    "nothing": {None: None, ABSENT: None, PRESENT: Changed, sha(b"old"): Changed, sha(b"other"): Changed},
    "file": {None: None, ABSENT: Changed, PRESENT: None, sha(b"old"): None, sha(b"other"): Changed},
    "directory": dict.fromkeys([None, ABSENT, PRESENT, sha(b"old")], WrongKind),
}
"""The outcomes of a write, by what exists at its target and by its precondition."""

WRITERS = 6

RACES = 4
"""How often each way to put a content in place is tried by all writers at once."""


class ConditionsContract(ContractCase):
    """The contract of preconditions."""

    def writes(self, store: IStore) -> dict[str, Write]:
        """Every way to put a content in place."""
        ways: dict[str, Write] = {
            "write_many": lambda store, path, at: self.write(store, path, b"new", precondition=at),
            "upload": lambda store, path, at: self.upload(store, path, b"new", precondition=at),
            "move": self._move_new,
        }
        if store.capabilities.copy:
            ways["copy"] = lambda store, path, at: self.copy(store, "new.txt", path, None, at)
        if store.capabilities.edit:
            ways["edit"] = self._edit_new
        if store.capabilities.versions:
            ways["restore"] = self._restore_new
        return ways

    def _move_new(self, store: IStore, path: str, at: str | None) -> object:
        self.write(store, "moving.txt", b"new")
        try:
            return self.move(store, "moving.txt", path, None, at)
        except Refusal:
            self.remove(store, "moving.txt")
            raise

    def _edit_new(self, store: IStore, path: str, at: str | None) -> object:
        return self._draft(store, path, b"new", at).commit()

    def _restore_new(self, store: IStore, path: str, at: str | None) -> object:
        return store.restore(parse(path), min(version.at_us for version in self.kept(store, path)), at)

    def _lay(self, store: IStore, way: str, number: int, existing: str) -> str:
        """A path at which that exists."""
        path = f"{way}/{number}.txt"
        if way == "restore" and existing != "directory":
            self.write(store, path, b"new")  # the oldest version of it
            self.remove(store, path)
        if existing == "file":
            self.write(store, path, b"old")
        elif existing == "directory":
            store.make_directory(request(path))
        return path

    def test_table(self) -> None:
        """Each way to put a content in place honours each precondition, whatever exists there."""
        store = self.store()
        self.write(store, "new.txt", b"new")
        for way, write in self.writes(store).items():
            number = 0
            for existing, outcomes in OUTCOMES.items():
                if way == "restore" and existing == "directory":
                    continue  # there are no versions of one
                for condition, expected in outcomes.items():
                    number += 1
                    path = self._lay(store, way, number, existing)
                    case = f"{way} where {existing} exists, on {condition}"
                    self._has_outcome(store, path, partial(write, store, path, condition), expected, case)
                    if store.stat(parse(path)) is not None:
                        self.remove(store, path)  # the next case reads all that there is

    def _has_outcome(
        self, store: IStore, path: str, write: Callable[[], object], expected: type[Refusal] | None, case: str
    ) -> None:
        """The write puts the new content in place, or is refused like this and changes nothing."""
        if expected is None:
            write()
            self.assertEqual(self.content(store, path), b"new", case)
            return
        before = self.tree(store)
        try:
            write()
        except Refusal as refused:
            self.assertIsInstance(refused, expected, case)
            self.assert_for_people(refused)
        else:
            self.fail(case)
        self.assertEqual(self.tree(store), before, case)

    def test_source(self) -> None:
        """The precondition of what is moved, copied or removed is about that."""
        store = self.store()
        ways: dict[str, Callable[[str, str | None], object]] = {
            "move": lambda path, of: self.move(store, path, f"{path}-there.txt", of),
            "remove": lambda path, of: self.remove(store, path, of),
        }
        if store.capabilities.copy:
            ways["copy"] = lambda path, of: self.copy(store, path, f"{path}-there.txt", of)
        for way, act in ways.items():
            for number, (condition, expected) in enumerate(OUTCOMES["file"].items()):
                path = f"{way}-{number}.txt"
                self.write(store, path, b"old")
                if expected is None:
                    act(path, condition)
                else:
                    self.assert_refused(expected, act, path, condition)
                    self.assertEqual(self.content(store, path), b"old")

    def test_no_parents(self) -> None:
        """Where something must exist and nothing does, no way to put a content in place makes a directory."""
        store = self.store()
        self.write(store, "new.txt", b"new")
        for way, write in self.writes(store).items():
            for number, condition in enumerate((PRESENT, sha(b"old"))):
                path = f"{way}-{number}/n/a.txt"
                if way == "restore":
                    self.write(store, path, b"new")
                    self.remove(store, f"{way}-{number}", recursive=True)
                before = self.tree(store)
                self.assert_refused(Changed, write, store, path, condition)
                self.assertEqual(self.tree(store), before, way)

    def _racers(self, store: IStore, way: str, path: str, at: str) -> list[Callable[[], Entry]]:
        """`WRITERS` calls that each put another number in place, on a condition that holds when this returns."""
        contents = [b"%d" % number for number in range(WRITERS)]
        if way == "restore":
            for content in contents:
                self.write(store, path, content)
            self.remove(store, path)
        if at != ABSENT:
            self.write(store, path, b"base")
        if way in ("write", "upload"):
            return [partial(getattr(self, way), store, path, content, precondition=at) for content in contents]
        if way == "restore":
            times = sorted(version.at_us for version in self.kept(store, path))
            return [partial(store.restore, parse(path), at_us, at) for at_us in times]
        if way == "edit":
            return [self._draft(store, path, content, at).commit for content in contents]
        for content in contents:
            self.write(store, f"{path}-{content.decode()}.txt", content)
        act = self.move if way == "move" else self.copy
        return [partial(act, store, f"{path}-{content.decode()}.txt", path, None, at) for content in contents]

    def _draft(self, store: IStore, path: str, content: bytes, at: str | None) -> IDraft:
        draft = store.edit(request(path, precondition=at))
        draft.truncate(0)
        draft.write(0, content)
        return draft

    def _one_wins(self, at: str) -> None:
        store = self.store()
        possible = {"copy": store.capabilities.copy, "edit": store.capabilities.edit}
        possible["restore"] = store.capabilities.versions
        for way in ("write", "upload", "move", "copy", "edit", "restore"):
            for round_ in range(RACES if possible.get(way, True) else 0):
                path = f"{way}-{round_}.txt"
                results = self.together(self._racers(store, way, path, at))
                won = [number for number, result in enumerate(results) if isinstance(result, Entry)]
                self.assertEqual(len(won), 1, (way, results))
                self.assertEqual({type(result) for result in results if not isinstance(result, Entry)}, {Changed}, way)
                self.assertEqual(self.content(store, path), b"%d" % won[0], way)

    def test_one_creates(self) -> None:
        """One of many creates a file at the same time, on the condition that it is absent; the others do not."""
        self._one_wins(ABSENT)

    def test_one_makes(self) -> None:
        """One of many makes a directory at the same time, on the condition that it is absent; the others do not."""
        store = self.store()
        for round_ in range(2 * RACES):
            made = request(f"d/{round_}/new", precondition=ABSENT)
            results = self.together([partial(store.make_directory, made)] * WRITERS)
            self.assertEqual(len([result for result in results if isinstance(result, Entry)]), 1, results)
            self.assertEqual({type(result) for result in results if not isinstance(result, Entry)}, {Changed})

    def test_one_replaces(self) -> None:
        """One of many replaces a content at the same time; the others learn that it changed."""
        self._one_wins(sha(b"base"))

    def test_whole_or_not(self) -> None:
        """A reader finds one complete content or another while others write, never a mixture and never nothing."""
        store = self.store()
        contents = [bytes([letter]) * 50_000 for letter in b"abc"]
        self.write(store, "a.txt", contents[0])
        done: list[bool] = []

        def write() -> None:
            for number in range(30):
                self.write(store, "a.txt", contents[number % 3])
            done.append(True)

        def read() -> set[bytes]:
            found = set()
            while not done:
                found.add(self.content(store, "a.txt"))
            return found

        for result in self.together([write, read, read])[1:]:
            self.assertIsInstance(result, set, result)
            assert isinstance(result, set)
            self.assertEqual(result - set(contents), set())
