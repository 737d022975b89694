"""The contract of preconditions: the same table for every method, and one winner among many writers."""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence

from homeftp.endpoint import parse
from homeftp.errors import Changed, Refusal, WrongKind
from homeftp.interfaces.store import IStore
from homeftp.model import ABSENT, PRESENT, Entry
from homeftp.testing.contract.case import ContractCase, request, sha

Write = Callable[[IStore, str, "str | None"], object]
"""Puts b"new" at a path, on a condition."""

OUTCOMES: dict[str, dict[str | None, type[Refusal] | None]] = {
    "nothing": {None: None, ABSENT: None, PRESENT: Changed, sha(b"old"): Changed, sha(b"other"): Changed},
    "file": {None: None, ABSENT: Changed, PRESENT: None, sha(b"old"): None, sha(b"other"): Changed},
    "directory": dict.fromkeys([None, ABSENT, PRESENT, sha(b"old")], WrongKind),
}
"""What comes of a write, by what exists at its target and by its precondition."""

WRITERS = 6


class ConditionsContract(ContractCase):
    """Preconditions."""

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
        draft = store.edit(request(path, precondition=at))
        try:
            draft.truncate(0)
            draft.write(0, b"new")
            return draft.commit()
        finally:
            draft.abort()

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
                    before = self.tree(store)
                    if expected is None:
                        write(store, path, condition)
                        self.assertEqual(self.content(store, path), b"new", case)
                        continue
                    try:
                        write(store, path, condition)
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

    def _one_wins(
        self, store: IStore, path: str, writes: Sequence[Callable[..., Entry]], losers: type[Refusal]
    ) -> None:
        results = self.together(writes)
        won = [number for number, result in enumerate(results) if isinstance(result, Entry)]
        self.assertEqual(len(won), 1, results)
        self.assertEqual({type(result) for result in results if not isinstance(result, Entry)}, {losers})
        self.assertEqual(self.content(store, path), b"%d" % won[0])

    def test_one_creates(self) -> None:
        """Of many who create one file at the same time, on the condition that it is absent, one does."""
        store = self.store()
        for kind in ("write", "upload"):
            for round_ in range(5):
                path, act = f"{kind}-{round_}.txt", getattr(self, kind)
                writes = [
                    lambda n=number, p=path, a=act: a(store, p, b"%d" % n, precondition=ABSENT)
                    for number in range(WRITERS)
                ]
                self._one_wins(store, path, writes, Changed)

    def test_one_makes(self) -> None:
        """Of many who make one directory at the same time, on the condition that it is absent, one does."""
        store = self.store()
        for round_ in range(20):
            made = request(f"d/{round_}/new", precondition=ABSENT)
            results = self.together([partial(store.make_directory, made)] * WRITERS)
            self.assertEqual(len([result for result in results if isinstance(result, Entry)]), 1, results)
            self.assertEqual({type(result) for result in results if not isinstance(result, Entry)}, {Changed})

    def test_one_replaces(self) -> None:
        """Of many who replace one content at the same time, one does; the others learn that it changed."""
        store = self.store()
        for kind in ("write", "upload"):
            for round_ in range(5):
                path, act = f"{kind}-{round_}.txt", getattr(self, kind)
                self.write(store, path, b"base")
                writes = [
                    lambda n=number, p=path, a=act: a(store, p, b"%d" % n, precondition=sha(b"base"))
                    for number in range(WRITERS)
                ]
                self._one_wins(store, path, writes, Changed)

    def test_whole_or_not(self) -> None:
        """Who reads while others write finds one whole content or another, never a mixture, and never nothing."""
        store = self.store()
        contents = [bytes([letter]) * 50_000 for letter in b"abc"]
        self.write(store, "a.txt", contents[0])
        done: list[bool] = []

        def write() -> None:
            for number in range(60):
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
