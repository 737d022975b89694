"""The contract of make_directory, move and remove: names change at once, and nothing gets lost."""

from __future__ import annotations

import contextlib
import itertools
import random
from functools import partial
from typing import Callable

from homeftp.endpoint import MAX_PARTS, ROOT, parse
from homeftp.errors import BadEndpoint, BadRequest, Changed, NotFound, Refusal, WrongKind
from homeftp.model import ABSENT, PRESENT
from homeftp.testing.contract.case import ContractCase, request, sha


class TreesContract(ContractCase):
    """Directories and names."""

    acts_tried = 150
    """The number of calls that are tried, of some thousand that may be refused."""
    seed = 0
    """Which ones: another number, others."""

    def test_make_directory(self) -> None:
        """A directory is made with its parents; one that exists gets the metadata."""
        store = self.store()
        entry = store.make_directory(request("a/b/c", mode=0o750))
        self.assertEqual((entry.name, entry.kind, entry.size, entry.hash), ("", "directory", 0, None))
        self.assertEqual(self.names(store), ["a", "a/b", "a/b/c"])
        again = store.make_directory(request("a", mode=0o700, mtime_us=1_600_000_000_000_000, precondition=PRESENT))
        if store.capabilities.metadata:
            self.assertEqual((entry.mode, again.mode, again.mtime_us), (0o750, 0o700, 1_600_000_000_000_000))
        self.assertEqual(store.make_directory(request("a")).kind, "directory")
        self.assertEqual(store.make_directory(request("")).kind, "directory")

    def test_make_directory_refused(self) -> None:
        """A directory is made on its condition, and not where a file is or in one."""
        store = self.store()
        self.write(store, "d/a.txt", b"a")
        before = self.tree(store)
        for path, condition, kind in (
            ("d", ABSENT, Changed),
            ("e/f", PRESENT, Changed),
            ("d", sha(b""), WrongKind),
            ("d/a.txt", None, WrongKind),
            ("d/a.txt/e", None, WrongKind),
        ):
            self.assert_refused(kind, store.make_directory, request(path, precondition=condition))
        self.assert_refused(BadRequest, store.make_directory, request("g", mtime_us=2**63))
        self.assertEqual(self.tree(store), before)

    def test_move_file(self) -> None:
        """A file is moved with its time and mode; parents are made, and what it replaces becomes a version."""
        store = self.store()
        old = self.write(store, "a.txt", b"content", mtime_us=1_600_000_000_000_000, mode=0o640)
        entry = self.move(store, "a.txt", "n/e/b.txt", sha(b"content"), ABSENT)
        self.assertEqual((entry.size, entry.mtime_us, entry.mode), (7, old.mtime_us, old.mode))
        self.assertEqual(self.tree(store), {"n": None, "n/e": None, "n/e/b.txt": b"content"})
        self.write(store, "c.txt", b"old")
        self.move(store, "n/e/b.txt", "c.txt")
        self.assertEqual(self.tree(store), {"c.txt": b"content", "n": None, "n/e": None})
        if store.capabilities.versions:
            self.assertEqual([(version.name, version.size) for version in self.kept(store)], [("c.txt", 3)])

    def test_move_directory(self) -> None:
        """A directory is moved with all beneath it."""
        store = self.store()
        self.write(store, "d/a.txt", b"a")
        self.write(store, "d/e/b.txt", b"b")
        self.write(store, "d2.txt", b"beside")
        self.assertEqual(self.move(store, "d", "n/m").kind, "directory")
        there = {"n": None, "n/m": None, "n/m/a.txt": b"a", "n/m/e": None, "n/m/e/b.txt": b"b", "d2.txt": b"beside"}
        self.assertEqual(self.tree(store), there)

    def test_move_refused(self) -> None:
        """The root is not moved, nor anything into itself; a directory replaces nothing, and a file no directory."""
        store = self.store()
        self.write(store, "d/a.txt", b"a")
        self.write(store, "e.txt/b.txt", b"b")
        before = self.tree(store)
        for source, target, conditions, kind in (
            ("", "f", (), BadRequest),
            ("d", "d", (), BadRequest),
            ("d", "d/e/f", (), BadRequest),
            ("d/a.txt", "d/a.txt", (), BadRequest),
            ("none.txt", "f.txt", (), NotFound),
            ("d", "e.txt", (), Changed),
            ("d", "e.txt/b.txt", (), Changed),
            ("d", "f", (sha(b""),), WrongKind),
            ("d", "f", (ABSENT,), Changed),
            ("d", "e.txt", (None, sha(b"b")), WrongKind),
            ("d", "f", (None, PRESENT), Changed),
            ("d", "e.txt", (None, PRESENT), Changed),
            ("d/a.txt", "e.txt", (), WrongKind),
            ("d/a.txt", "", (), WrongKind),
            ("d/a.txt", "e.txt/b.txt/c.txt", (), WrongKind),
        ):
            self.assert_refused(kind, self.move, store, source, target, *conditions)
            self.assertEqual(self.tree(store), before, (source, target))

    def test_move_too_far(self) -> None:
        """A directory is not moved to where a path in it would be too long, or have too many parts."""
        store = self.store()
        self.write(store, "d/e/f.txt", b"f")
        longest = store.capabilities.path_bytes - len("/e/f.txt")
        long = ("n" * 99 + "/") * (longest // 100 - 1)
        long += "m" * (longest - len(long))
        deep = "/".join(["n"] * (MAX_PARTS - 2))
        before = self.tree(store)
        for far in (f"{long}m", f"{deep}/n"):
            self.assert_refused(BadEndpoint, self.move, store, "d", far)
            self.assertEqual(self.tree(store), before)
        near_long, near_deep = long[: -len("/an/accounts/home")], deep[: -len("/a/b/c/d")]
        for source, near in (("d", near_long), (near_long, near_deep)):
            self.move(store, source, near)
            self.assertEqual(self.content(store, f"{near}/e/f.txt"), b"f")

    def test_directory_moves_at_once(self) -> None:
        """With `atomic_directory_move` no reader ever sees part of a directory at either of its places."""
        store = self.store()
        if not store.capabilities.atomic_directory_move:
            return
        names = [f"{number:02}.txt" for number in range(40)]
        store.write_many([(request(f"a/{name}", size=1), b"x") for name in names])
        moved: list[bool] = []

        def move() -> None:
            for number in range(60):
                self.move(store, "ab"[number % 2], "ba"[number % 2])
            moved.append(True)

        def watch() -> list[list[str]]:
            seen = []
            while not moved:
                for place in "ab":
                    with contextlib.suppress(NotFound):
                        seen.append(self.names(store, parse(place)))
            return seen

        _, seen = self.together([move, watch])
        self.assertIsInstance(seen, list, seen)
        partly = [each for each in seen or [] if each != names]  # type: ignore[union-attr]
        self.assertEqual(partly, [])

    def test_remove(self) -> None:
        """A file or an empty directory goes alone, a full one with all that is in it; the count is of entries."""
        store = self.store()
        for path in ("a.txt", "d/b.txt", "d/e/c.txt", "d/e/f/g.txt", "d2.txt"):
            self.write(store, path, b"content")
        store.make_directory(request("empty"))
        self.assertEqual(self.remove(store, "a.txt", sha(b"content")), 1)
        self.assertEqual(self.remove(store, "empty", PRESENT), 1)
        self.assert_refused(WrongKind, self.remove, store, "d")
        self.assertEqual(self.remove(store, "d", recursive=True), 6)
        self.assertEqual(self.tree(store), {"d2.txt": b"content"})

    def test_remove_refused(self) -> None:
        """A missing file is not removed, nor the root, nor anything against its condition."""
        store = self.store()
        self.write(store, "d/a.txt", b"a")
        before = self.tree(store)
        for path, condition, kind in (
            ("none.txt", None, NotFound),
            ("", None, BadRequest),
            ("d/a.txt", sha(b"other"), Changed),
            ("d/a.txt", ABSENT, Changed),
            ("d", ABSENT, Changed),
            ("d", sha(b""), WrongKind),
        ):
            self.assert_refused(kind, self.remove, store, path, condition, recursive=True)
        self.assertEqual(self.tree(store), before)

    def test_remove_in_steps(self) -> None:
        """Nothing goes before the first step, and what is closed early has removed what it counted."""
        store = self.store()
        names = [f"d/{number:04}.txt" for number in range(600)]
        store.write_many([(request(name, size=1), b"x") for name in names])
        removing = store.remove(parse("d"), None, True)
        self.assertEqual(len(self.names(store)), 601)
        removed = 0
        while not removed:
            removed = next(removing)
        removing.close()
        if not store.capabilities.atomic_directory_removal:
            self.assertEqual(len(self.names(store)), 601 - removed)
            self.assertEqual(removed + self.remove(store, "d", recursive=True), 601)
        self.assertEqual(self.names(store), [])

    def test_similar_names(self) -> None:
        """A new name that differs from a sibling's only in case or form is refused where that is detected."""
        store = self.store()
        self.write(store, "d/phoTo.txt", b"removed")
        self.remove(store, "d/phoTo.txt")
        self.write(store, "d/Photo.txt", b"first")
        self.write(store, "other.txt", b"other")
        store.make_directory(request("folder"))
        acts: dict[str, Callable[[], object]] = {
            "d/photo.txt": lambda: self.write(store, "d/photo.txt", b"second"),
            "d/PHOTO.txt": lambda: self.upload(store, "d/PHOTO.txt", b"second"),
            "D/a.txt": lambda: self.write(store, "D/a.txt", b"second"),
            "d/PhotO.txt": lambda: self.move(store, "folder", "d/PhotO.txt"),
        }
        if store.capabilities.copy:
            acts["d/phOto.txt"] = lambda: self.copy(store, "other.txt", "d/phOto.txt")
        if store.capabilities.edit:
            acts["d/photO.txt"] = lambda: store.edit(request("d/photO.txt")).commit()
        if store.capabilities.versions:
            acts["d/phoTo.txt"] = lambda: store.restore(parse("d/phoTo.txt"), None, None)
        acts["d/pHoto.txt"] = lambda: self.move(store, "other.txt", "d/pHoto.txt")
        before = self.tree(store)
        for name, act in acts.items():
            if store.capabilities.similar_names:
                self.assert_refused(BadEndpoint, act)
                self.assertEqual(self.tree(store), before)
            else:
                act()
                self.assertIn(name, self.names(store))
        if store.capabilities.similar_names:
            self.assert_refused(BadEndpoint, store.make_directory, request("D"))

    def test_own_name(self) -> None:
        """A file is replaced under its own name, and may be moved to a name that is similar to its own."""
        store = self.store()
        self.write(store, "d/Photo.txt", b"first")
        self.write(store, "d/Photo.txt", b"second")
        self.move(store, "d/Photo.txt", "d/photo.txt")
        self.move(store, "d", "D")
        self.assertEqual(self.tree(store), {"D": None, "D/photo.txt": b"second"})
        self.assertEqual(self.names(store, ROOT, recursive=False), ["D"])

    def test_refused_changes_nothing(self) -> None:
        """Whatever call is refused, for whatever reason, leaves the tree as it was: no directory that it made stays."""
        store = self.store()
        self.write(store, "d/a.txt", b"a")
        self.write(store, "e.txt", b"old")
        self.write(store, "e.txt", b"new")
        conditions = (None, ABSENT, PRESENT, sha(b"other"), sha(b"a"))
        sources = ("", "none.txt", "d", "d/a.txt", "e.txt")
        targets = ("", "d", "d/a.txt", "e.txt", "d/x.txt", "n/m/x.txt", "d/a.txt/n/x.txt", "D/n/x.txt", "n/E/e.txt")
        acts: list[Callable[[], object]] = []
        for target, at in itertools.product(targets, conditions):
            where, asked = parse(target), request(target, size=1, precondition=at)
            acts += [
                partial(self.write, store, target, b"x", precondition=at),
                partial(self.write, store, target, b"x", precondition=at, hash=sha(b"y")),
                partial(self.upload, store, target, b"x", precondition=at, hash=sha(b"y")),
                partial(self.upload, store, target, b"x", precondition=at),
                partial(store.make_directory, asked),
                partial(store.restore, where, None, at),
                partial(self.remove, store, target, at),
            ]
            for source, of in itertools.product(sources, conditions):
                acts.append(partial(self.move, store, source, target, of, at))
                acts.append(partial(self.copy, store, source, target, of, at))
        refused = 0
        before = self.tree(store)
        for act in random.Random(self.seed).sample(acts, self.acts_tried):
            why = self._refusal(act)
            if why is not None:
                refused += 1
                self.assertEqual(self.tree(store), before, f"{act}: {why.message}")
                continue
            for path in ("n", "D"):
                self._refusal(partial(self.remove, store, path, recursive=True))
            for path in ("d/a.txt", "e.txt"):
                self._refusal(partial(self.write, store, path, b"a"))
            before = self.tree(store)
        self.assertGreater(refused, self.acts_tried // 4)

    def _refusal(self, act: Callable[[], object]) -> Refusal | None:
        try:
            act()
        except Refusal as why:
            return why
        return None
