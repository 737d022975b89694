"""The reports of a running transfer, and the totals; also the files that are finished when it starts again."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import attrgetter
from typing import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from homeftp.client.tables.nameset import NameSet
from homeftp.client.transfer.model import EndpointOf, FileResult, FileTask, Outcome
from homeftp.model import TreeProgress


@attrs.define
class TransferObserver:
    """Receives what a transfer reports, in callbacks that may not raise, and counts it."""

    on_result: Callable[[FileResult], None] = lambda result: None
    """A file or directory is finished."""
    on_same: Callable[[int], None] | None = None
    """A number of files in folders that are the same are finished, without results; None: each has a result.

    Results need the names of the files; without them a folder that looks as before need not be read.
    """
    on_plan: Callable[[int, int], None] = lambda files, size: None
    """This many files of this many bytes in all are added to the transfer."""
    on_compared: Callable[[int, int], None] = lambda files, size: None
    """The server compares a folder: it knows this many hashes of its files so far, and has read this many bytes."""
    on_start: Callable[[str], None] = lambda name: None
    """The content of this file begins to be transferred; not called for small files, which are transferred together."""
    on_bytes: Callable[[int], None] = lambda size: None
    """This many bytes of content are finished: transferred, or found to be the same."""
    on_reconnected: Callable[[], None] = lambda: None
    """The connection was lost and made again: the plan and the finished bytes are reported again from zero."""
    on_resumed: Callable[[str, int], None] = lambda name, size: None
    """The transfer of this file resumes after this many bytes, which an earlier try transferred."""
    on_suspended: Callable[[str, int], None] = lambda name, size: None
    """The download of this file has stopped; the bytes that have arrived are kept for the next one."""
    on_notice: Callable[[str], None] = lambda message: None
    """Something about the whole transfer, in words for people."""
    on_progress: Callable[[], None] = lambda: None
    """Bytes were transferred or a file was finished."""
    record_progress: Callable[[], None] = attrs.field(default=lambda: None, init=False)
    """The transfer's own callback, for its reconnector (`with_reconnects`)."""
    counts: Counter[Outcome] = attrs.field(factory=Counter)
    """The number of results with each outcome."""
    kinds: Counter[tuple[Outcome, str]] = attrs.field(factory=Counter)
    """The number of results with each outcome and kind."""
    bytes_moved: int = 0
    """Bytes of content that were transferred."""
    finished: NameSet = attrs.field(factory=NameSet)
    """The endpoints of the finished files, except those that `add_same` has counted."""
    rejected_resumes: Counter[str] = attrs.field(factory=Counter)
    """How often the server could not use its partial upload of an endpoint."""
    _counted: set[str] = attrs.field(factory=set)
    """The endpoints of the folders whose files `add_same` has counted."""
    _reported: set[tuple[str, str, Outcome]] = attrs.field(factory=set)
    _reported_before: frozenset[tuple[str, str, Outcome]] = frozenset()

    def _progressed(self) -> None:
        self.record_progress()
        self.on_progress()

    def restart(self) -> None:
        """Start again over a new connection; what is finished stays finished and is not reported again."""
        self._reported_before = frozenset(self._reported)
        self.on_reconnected()

    def add_compared(self, progress: TreeProgress) -> None:
        """Report how far the server is with comparing a folder."""
        self._progressed()
        self.on_compared(progress.files, progress.size)

    def add_result(self, result: FileResult, endpoint: str | None = None) -> None:
        """Report a result; `endpoint` is given for a file, so that it is not transferred again after `restart`."""
        if endpoint is not None:
            self.finished.add(endpoint)
        else:
            key = (result.name, result.kind, result.outcome)
            if key in self._reported_before:
                return
            self._reported.add(key)
        self._progressed()
        self.counts[result.outcome] += 1
        self.kinds[result.outcome, result.kind] += 1
        self.on_result(result)

    def add_files(
        self, results: Sequence[FileResult], endpoints: Iterable[str], size: int, *, moved: bool = False
    ) -> None:
        """Report the results of many files, each with its endpoint, and their bytes; `moved` as in `add_bytes`."""
        self.finished.update(endpoints)
        self._progressed()
        for outcome, alike in groupby(results, attrgetter("outcome")):
            count = len(list(alike))
            self.counts[outcome] += count
            self.kinds[outcome, "file"] += count
        for result in results:
            self.on_result(result)
        self.add_bytes(size, moved=moved)

    def add_same(self, folders: Mapping[str, tuple[int, int]]) -> None:
        """Count the files in folders that are the same: the number of files of each, and their bytes, by endpoint.

        Only where there is an `on_same`. Folders that were counted over an earlier connection are not counted again.
        """
        self._progressed()
        count = sum(files for endpoint, (files, _) in folders.items() if endpoint not in self._counted)
        self._counted.update(folders)
        if count:
            self.counts[Outcome.SAME] += count
            self.kinds[Outcome.SAME, "file"] += count
            if self.on_same is not None:
                self.on_same(count)
        self.add_bytes(sum(size for _, size in folders.values()), moved=False)

    def add_unapplied(self, names: Sequence[str], side: str) -> None:
        """Call `on_notice` once for all files and folders whose time or mode could not be set on `side`."""
        if names:
            more = len(names) - 1
            others = f" and {more:,} other{'s' if more > 1 else ''}" if more else ""
            self.on_notice(
                f"{names[0] or 'the folder itself'}{others}: the time or mode could not be set on {side}. Its disk "
                "cannot store it, or another user owns the file there."
            )

    def add_bytes(self, size: int, *, moved: bool) -> None:
        """Report finished bytes; `moved` says that they were transferred."""
        if moved:
            self.bytes_moved += size
            self._progressed()
        self.on_bytes(size)


def unfinished(tasks: Iterable[FileTask], endpoint_of: EndpointOf, observer: TransferObserver) -> Iterator[FileTask]:
    """The tasks that were not finished over an earlier connection."""
    if not observer.finished:  # this is the first connection
        yield from tasks
        return
    for task in tasks:
        if endpoint_of(task.name) not in observer.finished:
            yield task
        else:
            observer.add_bytes(task.size, moved=False)


class ResultFilter:
    """Stands before an observer's receiver of results: it passes them on, and remembers those that are not done."""

    def __init__(self, observer: TransferObserver) -> None:
        self._report = observer.on_result
        self.record: Callable[[FileResult], None] = record_nothing
        """Receives each result too."""
        self.unfinished: set[str] = set()
        """The names of all results so far that say that something is left to do."""
        self.refused: dict[str, str] = {}
        """The names of files that the server has refused, with its reason."""
        observer.on_result = self._on_result

    def _on_result(self, result: FileResult) -> None:
        if result.outcome is Outcome.CONFLICT and not result.reason:
            result = result._replace(reason="it has changed on the server meanwhile: it is left for the next sync")
        if not result.outcome.done:
            self.unfinished.add(result.name)
        if result.outcome is Outcome.REFUSED:
            self.refused[result.name] = result.reason
        self.record(result)
        self._report(result)


def record_nothing(result: FileResult) -> None:
    """Record nothing of a result."""
