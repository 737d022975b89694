"""Brings all that one store holds to another: its files, directories and versions, a batch at a time.

Only a batch is in memory, however much there is. What is in the other store already is left alone, so an import that
was interrupted is run again.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterator

import msgspec
from msgspec import structs

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import Busy, Forbidden, Refusal
from homeftp.history.changes import VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces.importing import IExportedHistory, IImportingStore, Imported
from homeftp.interfaces.store import IHistory, IOpenFile, IStore
from homeftp.metadata.modes import same_mode
from homeftp.model import Entry
from homeftp.store.policy.outcomes import results_of

BATCH_ITEMS = 512
"""Files, directories and versions that are brought together."""

BATCH_BYTES = 8 * MIB
"""Bytes of their contents after which a batch ends."""

SMALL = MIB
"""Bytes up to which the contents of a batch are opened together, and read."""


class ImportFailure(msgspec.Struct, frozen=True):
    """A file that could not be brought."""

    name: str
    reason: str
    at_us: int | None = None
    """`Version.at_us`, of a version."""


class ImportStep(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one batch."""

    files: int = 0
    """Files that were added."""
    directories: int = 0
    versions: int = 0
    size: int = 0
    """Bytes of the files and versions that were added."""
    there: int = 0
    """Files, directories and versions that were in the other store already."""
    failures: tuple[ImportFailure, ...] = ()


_Found = Imported | ImportFailure


class _Contents:
    """The contents of one batch: the small ones are opened together, when the first of them is asked for."""

    def __init__(self, source: IStore, history: IHistory) -> None:
        self._source = source
        self._history = history
        self._exported = history if IExportedHistory.providedBy(history) else None
        self._files: list[Endpoint] = []
        self._versions: list[VersionId] = []
        self._opened: dict[Endpoint | VersionId, IOpenFile | Exception] | None = None

    def opening(self, item: Imported) -> Imported:
        """An item of the batch, with what opens its content."""
        if item.kind == "directory":
            return item
        asked: Endpoint | VersionId = item.endpoint
        alone = partial(self._source.open, item.endpoint)
        together = item.size <= SMALL
        if item.at_us is not None:
            asked = VersionId(item.endpoint, item.at_us)
            alone = partial(self._history.open_version, item.endpoint, item.at_us)
            together = together and self._exported is not None
        if not together:
            return structs.replace(item, open=alone)
        (self._files if isinstance(asked, Endpoint) else self._versions).append(asked)  # type: ignore[arg-type]
        return structs.replace(item, open=partial(self._open, asked, alone))

    def _open(self, asked: Endpoint | VersionId, alone: Callable[[], IOpenFile]) -> IOpenFile:
        if self._opened is None:
            self._opened = dict(zip(self._files, self._source.open_many(self._files, SMALL), strict=True))
            if self._exported is not None and self._versions:
                found = self._exported.open_versions(self._versions, SMALL)
                self._opened.update(zip(self._versions, found, strict=True))
        file = self._opened.pop(asked, None)  # it is held only until it is used
        if isinstance(file, Exception):
            raise file
        return alone() if file is None else file


def import_store(source: IStore, target: IImportingStore) -> Iterator[ImportStep]:
    """Add all that `source` holds to `target`, step by step; each step blocks.

    What cannot be added is a failure, and the rest goes on. Raises `Forbidden` (33) where `source` cannot list its
    versions, and `Busy` (51) where one of the two does not answer: then it can be run again.
    """
    history = source.history()
    if history is None:
        why = f": {source.read_only}" if source.read_only else ""
        raise Forbidden(f"the versions of the folder cannot be read, as it is read-only{why}")
    batch: list[Imported] = []
    failures: list[ImportFailure] = []
    size = 0
    for found in _all(history):
        if isinstance(found, ImportFailure):
            failures.append(found)
        else:
            batch.append(found)
            size += found.size
        if len(batch) + len(failures) >= BATCH_ITEMS or size >= BATCH_BYTES:
            yield _added(target, batch, failures, _Contents(source, history))
            batch, failures, size = [], [], 0
    yield _added(target, batch, failures, _Contents(source, history))


def _all(history: IHistory) -> Iterator[_Found]:
    """All files and versions of a store, but for its root: each directory before its content, versions before files."""
    for page in history.timelines(ROOT):
        for timeline in page:
            if timeline.name:
                yield from _of(timeline)


def _of(timeline: Timeline) -> Iterator[_Found]:
    if timeline.problem is not None:
        yield ImportFailure(timeline.name, timeline.problem)
        return
    endpoint = Endpoint(tuple(timeline.name.split("/")))
    for version in timeline.versions:
        yield Imported(
            endpoint=endpoint,
            at_us=version.at_us,
            size=version.size,
            mtime_us=version.mtime_us,
            mode=version.mode,
            hash=version.hash,
            made_us=version.made_us,
        )
    entry = timeline.current
    if entry is not None:
        yield Imported(
            endpoint=endpoint,
            kind=entry.kind,
            size=entry.size,
            mtime_us=entry.mtime_us,
            mode=entry.mode,
            hash=entry.hash,
            made_us=timeline.made_us,
        )


def _added(
    target: IImportingStore, found: list[Imported], failures: list[ImportFailure], contents: _Contents
) -> ImportStep:
    batch = [contents.opening(each) for each in found]
    results = list(zip(batch, results_of(target.add_many, batch), strict=True))
    refused = [
        ImportFailure(each.endpoint.whole, _reason(result), each.at_us)
        for each, result in results
        if isinstance(result, Exception)
    ]
    added = [each for each, result in results if result is True]
    directories = sum(each.kind == "directory" for each in added)
    versions = sum(each.at_us is not None for each in added)
    return ImportStep(
        files=len(added) - directories - versions,
        directories=directories,
        versions=versions,
        size=sum(each.size for each in added),
        there=sum(result is False for _, result in results),
        failures=(*failures, *refused),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, Refusal):
        return error.message
    raise error


def finish_directories(source: IStore, target: IStore) -> Iterator[ImportFailure]:
    """Give the directories of a store that took in another one their modes and times: adding to one has changed these.

    Gives the failures. Raises `Busy` (51) where one of the two does not answer.
    """
    for page in source.list(ROOT, True):
        wanted = [entry for entry in page.entries if entry.kind == "directory"]
        endpoints = [Endpoint(tuple(entry.name.split("/"))) for entry in wanted]
        found = results_of(target.stat_many, endpoints)
        for entry, endpoint, existing in zip(wanted, endpoints, found, strict=True):
            if not isinstance(existing, Entry) or existing.kind != "directory":
                continue  # that it is not there was told already
            if existing.mtime_us != entry.mtime_us or not same_mode("directory", entry.mode or 0, existing.mode):
                try:
                    target.set_metadata(endpoint, mtime_us=entry.mtime_us, mode=entry.mode, precondition=None)
                except Busy:
                    raise
                except Refusal as error:
                    yield ImportFailure(entry.name, error.message)
