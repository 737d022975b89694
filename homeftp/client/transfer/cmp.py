"""Comparing a tree of files with the server's, without moving any."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Container, Iterable, Iterator

from homeftp.client.api import Client
from homeftp.client.files.read import LocalTree
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.model import (
    EndpointOf,
    FileResult,
    FileTask,
    Outcome,
    TransferContext,
    TransferObserver,
    differing,
    undone,
)
from homeftp.model import Entry

_WINDOW = 256


class CompareTransfer:
    """Compares `tree` with `remote`; `place` tells the endpoints.

    What is at one place only is MISSING where it is only here and EXTRA where
    it is only there. Of directories the permission bits are compared; their
    times tell when something was made or removed in them, not what they hold.
    Nothing is said of what is below the directories `unread`, which one of the
    sides could not read.
    """

    def __init__(
        self,
        client: Client,
        tools: TransferContext,
        place: EndpointOf,
        tree: LocalTree,
        remote: dict[str, Entry],
        watch: TransferObserver,
        unread: Container[str] = (),
    ) -> None:
        self._place = place
        self._tree = tree
        self._remote = remote
        self._watch = watch
        here = tree.directories
        there = {name for name, entry in remote.items() if entry.kind == "directory"}
        self._unknown = _tops({*here, *there}, lambda name: name in unread)
        self._missing = _tops(here, lambda name: name not in there and name not in self._unknown)
        self._extra = _tops(there, lambda name: name not in here and name not in self._unknown)
        self._judge = Comparer(client, tools, place, self._decide, sends=False, window=_WINDOW)

    async def run(self) -> None:
        """Compare. Raises `ConnectionFailed`."""
        self._directories()
        try:
            await self._judge.run(undone(self._cases(), self._place, self._watch))
        finally:
            await self._judge.wind_up()

    def _cases(self) -> Iterator[FileTask]:
        for name, file in self._tree.files.items():
            if _above(name) not in self._unknown:
                yield FileTask(name, file, self._remote.get(name))
        for name, entry in self._extra_files():
            yield FileTask(name, None, entry)

    def _extra_files(self) -> Iterator[tuple[str, Entry]]:
        for name, entry in self._remote.items():
            if entry.kind == "file" and name not in self._tree.files and _above(name) not in self._unknown:
                yield name, entry

    def _decide(self, case: FileTask) -> None:
        local, remote = case.local, case.remote
        if case.failure is not None:
            if isinstance(case.failure, OSError):
                self._end(case, Outcome.FAILED, f"cannot be read: {case.failure.strerror}")
            else:
                self._end(case, Outcome.FAILED, str(case.failure))
        elif local is None:
            here = "a folder has its name here" if case.name in self._tree.directories else ""
            self._end(case, Outcome.EXTRA, here)
        elif remote is None:
            self._end(case, Outcome.MISSING)
        elif remote.kind != "file":
            self._end(case, Outcome.MISSING, "a directory has its name there")
        else:
            self._end(case, Outcome.DIFFERS if case.differs else Outcome.SAME)

    def _end(self, case: FileTask, outcome: Outcome, reason: str = "") -> None:
        tops = self._missing if case.remote is None else self._extra if case.local is None else {}
        within = tops.get(_above(case.name))
        item = FileResult(outcome, case.name, case.size, reason, case.differs, within=within)
        self._watch.item(item, self._place(case.name))
        self._watch.bytes(case.size, moved=False)
        self._judge.release(case)

    def _directories(self) -> None:
        for name, directory in self._tree.directories.items():
            there = self._remote.get(name)
            if there is None or there.kind != "directory" or name in self._unknown:
                continue
            if "mode" in differing(directory, there):
                self._watch.item(FileResult(Outcome.DIFFERS, name, differs=("mode",), kind="directory"))
        files = (name for name in self._tree.files if name not in self._remote)
        self._alone(Outcome.MISSING, self._missing, files)
        self._alone(Outcome.EXTRA, self._extra, (name for name, _ in self._extra_files()))

    def _alone(self, outcome: Outcome, tops: dict[str, str], files: Iterator[str]) -> None:
        """Tell of the directories that are at one place only; `files` are those that are."""
        held = Counter(tops.get(_above(name)) for name in files)
        inner = Counter(top for name, top in tops.items() if name != top)
        for name, top in tops.items():
            whole = name == top
            holds = (held[top], inner[top]) if whole else None
            self._watch.item(FileResult(outcome, name, kind="directory", within=None if whole else top, holds=holds))


def _above(name: str) -> str:
    """The directory that something is in; "" is the top, and is in itself."""
    return name.rpartition("/")[0]


def _tops(names: Iterable[str], apart: Callable[[str], bool]) -> dict[str, str]:
    """Each of these directories that is apart or below one that is, with the top-most such."""
    tops: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.count("/") + bool(name), name)):
        above = tops.get(_above(name)) if name else None
        if above is not None or apart(name):
            tops[name] = name if above is None else above
    return tops
