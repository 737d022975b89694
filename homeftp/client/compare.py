"""Comparing a tree of files with the server's, without moving any."""

from __future__ import annotations

from typing import Iterator

from homeftp.client.api import Client
from homeftp.client.cases import Case, Item, Outcome, Place, Tools, Watch, differing
from homeftp.client.judge import Judge
from homeftp.client.local import LocalTree
from homeftp.wire.messages import Entry

_WINDOW = 256


class Compare:
    """Compares `tree` with `remote`; `place` tells the endpoints.

    What is at one place only is MISSING where it is only here and EXTRA where
    it is only there. Of directories the permission bits are compared; their
    times tell when something was made or removed in them, not what they hold.
    """

    def __init__(
        self, client: Client, tools: Tools, place: Place, tree: LocalTree, remote: dict[str, Entry], watch: Watch
    ) -> None:
        self._tree = tree
        self._remote = remote
        self._watch = watch
        self._judge = Judge(client, tools, place, self._decide, sends=False, window=_WINDOW)

    async def run(self) -> None:
        """Compare. Raises `ConnectionFailed`."""
        self._directories()
        try:
            await self._judge.run(self._cases())
        finally:
            await self._judge.wind_up()

    def _cases(self) -> Iterator[Case]:
        for name, file in self._tree.files.items():
            yield Case(name, file, self._remote.get(name))
        for name, entry in self._remote.items():
            if entry.kind == "file" and name not in self._tree.files:
                yield Case(name, None, entry)

    def _decide(self, case: Case) -> None:
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

    def _end(self, case: Case, outcome: Outcome, reason: str = "") -> None:
        size = case.local.size if case.local is not None else case.remote.size if case.remote is not None else 0
        self._watch.item(Item(outcome, case.name, size, reason, case.differs))
        self._watch.bytes(size, moved=False)
        self._judge.release(case)

    def _directories(self) -> None:
        skipped = {name for name, _ in self._tree.skipped + self._tree.left_out}
        for name, directory in self._tree.directories.items():
            there = self._remote.get(name)
            if there is None:
                if name:
                    self._watch.item(Item(Outcome.MISSING, name))
            elif there.kind == "directory" and "mode" in differing(directory, there):
                self._watch.item(Item(Outcome.DIFFERS, name, differs=("mode",)))
        for name, entry in self._remote.items():
            if entry.kind == "directory" and name not in self._tree.directories and name not in skipped:
                self._watch.item(Item(Outcome.EXTRA, name))
