"""A store that is changed step by step, and what was in it after each step: the history must tell the same."""

from __future__ import annotations

import contextlib
from typing import Callable

from hypothesis import strategies

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, NotFound, WrongKind
from homeftp.files.history.past import list_past, open_past
from homeftp.files.history.restoring import restore_tree
from homeftp.interfaces import IOpenFile, IStore
from homeftp.testing.contract.case import request, sha

PATHS = ("a", "d", "d/a", "d/b", "d/e", "d/e/a", "f")
"""The paths of files and directories: some are beneath others."""

Step = tuple[str, str, str, int]
"""What is done, a path, another path, and a number that chooses a version or a time."""

_UNFIT = (BadRequest, Changed, NotFound, WrongKind)
"""What a step is refused with that does not fit what is there. Nothing else is refused."""

STEPS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(
            ("write", "write", "write", "remove", "remove", "restore", "restore", "revert", "move")
        ),
        strategies.sampled_from(PATHS),
        strategies.sampled_from(PATHS),
        strategies.integers(0, 30),
    ),
    min_size=1,
    max_size=20,
)
"""Changes of a store."""


class PastModel:
    """The store, and all that it held. `moment_us` gives a time between the steps: microseconds since 1970."""

    def __init__(self, store: IStore, moment_us: Callable[[], int]) -> None:
        self.store = store
        self._moment_us = moment_us
        self._written = 0
        self._moved: list[tuple[int, str]] = []
        """The paths that something was moved from or to, and how many moments there were before."""
        self.moments: list[tuple[int, dict[str, str]]] = [(moment_us(), {})]
        """A time after each step, with the hash of each file."""
        self.problems: list[str] = []
        """Where the store says something else."""

    def run(self, steps: list[Step]) -> None:
        """Take the steps, and look at each moment."""
        for step in steps:
            self._take(step)
            self.moments.append((self._moment_us(), self._present()))
        for number, (as_of_us, held) in enumerate(self.moments):
            self._compare(number, held, self._past(as_of_us), f"at moment {number}")

    def _take(self, step: Step) -> None:
        what, path, other, number = step
        if what == "revert":
            self._revert(path, number % len(self.moments))
            return
        with contextlib.suppress(*_UNFIT):
            if what == "write":
                self._written += 1
                content = b"%d" % self._written
                mtime_us = self._moment_us()
                (result,) = self.store.write_many([(request(path, size=len(content), mtime_us=mtime_us), content)])
                if isinstance(result, Exception):
                    raise result
            elif what == "remove":
                sum(self.store.remove(parse(path), None, True))
            elif what == "restore":
                kept = sorted(each.at_us for page in self.store.versions(parse(path)) for each in page if not each.name)
                if kept:
                    self.store.restore(parse(path), kept[number % len(kept)], None)
            else:
                self._moved += ((len(self.moments), each) for each in (path, other))
                self.store.move(parse(path), parse(other), None, None)

    def _revert(self, path: str, number: int) -> None:
        as_of_us, held = self.moments[number]
        if any(path.startswith(f"{file}/") for file in self._present()):
            return  # a file of today is in its way: what is beneath is refused, by its name
        wanted = {name: each for name, each in held.items() if name == path or name.startswith(f"{path}/")}
        try:
            steps = list(restore_tree(self.store, parse(path), as_of_us, dry_run=False))
        except NotFound:
            if all(self._was_moved(number, name) for name in wanted):
                return  # what is there now stays
            raise
        refused = [each for step in steps for each in step.refused]
        self._compare(number, wanted, self._present(path), f"put back to moment {number}, with {refused}")

    def _present(self, path: str = "") -> dict[str, str]:
        found = self.store.stat(parse(path))
        if found is not None and found.kind == "file":
            return {path: self._hash(self.store.open(parse(path)))}
        entries = (
            [] if found is None else [each for page in self.store.list(parse(path), True) for each in page.entries]
        )
        names = [parse(path).at(each.name) for each in entries if each.kind == "file"]
        return {each.whole: self._hash(self.store.open(each)) for each in names}

    def _past(self, as_of_us: int) -> dict[str, str]:
        entries = [each for page in list_past(self.store, as_of_us, ROOT, True) for each in page.entries]
        return {each.name: self._past_hash(each.name, as_of_us) for each in entries if each.kind == "file"}

    def _past_hash(self, name: str, as_of_us: int) -> str:
        *_, file = open_past(self.store, parse(name), as_of_us)
        assert not isinstance(file, tuple)
        return self._hash(file)

    def _hash(self, file: IOpenFile) -> str:
        try:
            return sha(file.read(0, file.entry.size))
        finally:
            file.close()

    def _compare(self, number: int, held: dict[str, str], found: dict[str, str], when: str) -> None:
        for name in sorted(held.keys() | found.keys()):
            if held.get(name) != found.get(name) and not self._was_moved(number, name):
                self.problems.append(f"{when}: {name} had {held.get(name)}, and not {found.get(name)}")

    def _was_moved(self, number: int, name: str) -> bool:
        """Whether something at that name, or above or beneath it, was moved after a moment: that is not kept."""
        return any(
            number < since and (name == path or name.startswith(f"{path}/") or path.startswith(f"{name}/"))
            for since, path in self._moved
        )


def problems_of(store: IStore, moment_us: Callable[[], int], steps: list[Step]) -> list[str]:
    """Where the history of a store that is changed so says something else than what was there."""
    model = PastModel(store, moment_us)
    model.run(steps)
    return model.problems
