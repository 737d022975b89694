"""Comparing a tree of local files with the server's, without transferring any."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Container, Iterable, Iterator, Mapping

from homeftp.client.api import Client
from homeftp.client.files.model import LocalTree
from homeftp.client.remotehash import hash_there
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.metadata import differing, is_suspicious, learn_local
from homeftp.client.transfer.model import DAMAGED_COPY, EndpointOf, FileResult, FileTask, Outcome, TransferContext
from homeftp.client.transfer.observer import TransferObserver, unfinished
from homeftp.model import Entry

_WINDOW = 256
"""Files that are read or compared at once; as many as in a push."""


class CompareTransfer:
    """Compares `tree` with `remote`; `endpoint_of` gives the endpoints.

    What exists on one side only is MISSING (only local) or EXTRA (only on the
    server). Of directories the permission bits are compared with `perms`, and
    never the times, which change with every file made or removed in them. Nothing is reported
    below the directories `unread`, which one of the sides could not read.
    """

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        tree: LocalTree,
        remote: Mapping[str, Entry],
        observer: TransferObserver,
        unread: Container[str] = (),
        *,
        perms: bool = False,
    ) -> None:
        self._client = client
        self._context = context
        self._perms = perms
        self._seen = LastSeen(context.seen, context.workers, client)
        self._endpoint_of = endpoint_of
        self._tree = tree
        self._remote = remote
        self._observer = observer
        local = tree.directories
        there = {name for name, entry in remote.items() if entry.kind == "directory"}
        self._unread = _topmost({*local, *there}, lambda name: name in unread)
        self._missing = _topmost(local, lambda name: name not in there and name not in self._unread)
        self._extra = _topmost(there, lambda name: name not in local and name not in self._unread)
        self._comparer = Comparer(client, context, endpoint_of, self._decide, sends=False, window=_WINDOW)
        self.hashed = 0
        """How many local files have been compared by their hashes."""

    async def run(self) -> None:
        """Compare. Raises `ConnectionFailed`."""
        await learn_local(self._context, self._tree, self._remote, sends=False)
        self._compare_directories()
        try:
            await self._comparer.run(unfinished(self._tasks(), self._endpoint_of, self._observer))
        finally:
            await self._comparer.close()
            await self._seen.close(self._observer.on_notice)

    def _tasks(self) -> Iterator[FileTask]:
        for name, file in self._tree.files.items():
            if _parent(name) not in self._unread:
                yield FileTask(name, file, self._remote.get(name))
        for name, entry in self._extra_files():
            yield FileTask(name, None, entry)

    def _extra_files(self) -> Iterator[tuple[str, Entry]]:
        for name, entry in self._remote.items():
            if entry.kind == "file" and name not in self._tree.files and _parent(name) not in self._unread:
                yield name, entry

    def _decide(self, task: FileTask) -> None:
        local, remote = task.local, task.remote
        if task.failure is not None:
            if isinstance(task.failure, OSError):
                self._finish_task(task, Outcome.FAILED, f"cannot be read: {task.failure.strerror}")
            else:
                self._finish_task(task, Outcome.FAILED, str(task.failure))
        elif local is None:
            reason = "there is a local folder of that name" if task.name in self._tree.directories else ""
            self._finish_task(task, Outcome.EXTRA, reason)
        elif remote is None:
            self._finish_task(task, Outcome.MISSING)
        elif remote.kind != "file":
            self._finish_task(task, Outcome.MISSING, "the server has a directory of that name")
        elif remote.damaged is not None:
            self._finish_task(task, Outcome.DAMAGED, DAMAGED_COPY)
        elif not task.differs:
            self._seen.record(self._endpoint_of(task.name), task.local_hash)
            self._finish_task(task, Outcome.SAME)
        elif remote.hash is None:
            self._comparer.spawn(self._learn_hash(task))
        else:
            self._seen.record(self._endpoint_of(task.name), remote.hash)
            suspicious = is_suspicious(task.differs, remote)
            self._finish_task(task, Outcome.SUSPICIOUS if suspicious else Outcome.DIFFERS)

    async def _learn_hash(self, task: FileTask) -> None:
        """Have the server hash a file that has another size than the local one: only a known content counts as seen."""
        endpoint = self._endpoint_of(task.name)
        self._seen.record(endpoint, await hash_there(self._client, endpoint))
        self._finish_task(task, Outcome.DIFFERS)

    def _finish_task(self, task: FileTask, outcome: Outcome, reason: str = "") -> None:
        one_sided = self._missing if task.remote is None else self._extra if task.local is None else {}
        within = one_sided.get(_parent(task.name))
        hash = task.hash_after(outcome)
        result = FileResult(outcome, task.name, task.size, reason, task.differs, within=within, hash=hash)
        self._observer.add_result(result, self._endpoint_of(task.name))
        self._observer.add_bytes(task.size, moved=False)
        self.hashed += task.local_hash is not None
        self._comparer.release(task)

    def _compare_directories(self) -> None:
        for name, directory in self._tree.directories.items():
            entry = self._remote.get(name)
            if entry is None or entry.kind != "directory" or name in self._unread:
                continue
            if self._perms and "mode" in differing(directory, entry, self._context.disks):
                self._observer.add_result(FileResult(Outcome.DIFFERS, name, differs=("mode",), kind="directory"))
        missing_files = (name for name in self._tree.files if name not in self._remote)
        self._report_one_sided(Outcome.MISSING, self._missing, missing_files)
        self._report_one_sided(Outcome.EXTRA, self._extra, (name for name, _ in self._extra_files()))

    def _report_one_sided(self, outcome: Outcome, directories: dict[str, str], files: Iterator[str]) -> None:
        """Report the `directories` that exist on one side only, each with its topmost; the `files` do so, too."""
        file_counts = Counter(directories.get(_parent(name)) for name in files)
        directory_counts = Counter(top for name, top in directories.items() if name != top)
        for name, top in directories.items():
            is_top = name == top
            holds = (file_counts[top], directory_counts[top]) if is_top else None
            within = None if is_top else top
            self._observer.add_result(FileResult(outcome, name, kind="directory", within=within, holds=holds))


def _parent(name: str) -> str:
    """The directory that a name is in; "" for the top, which counts as in itself."""
    return name.rpartition("/")[0]


def _topmost(names: Iterable[str], chosen: Callable[[str], bool]) -> dict[str, str]:
    """The directories that are chosen or below a chosen one, each with its topmost chosen one."""
    tops: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.count("/") + bool(name), name)):
        top = tops.get(_parent(name)) if name else None
        if top is not None or chosen(name):
            tops[name] = name if top is None else top
    return tops
