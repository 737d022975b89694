"""Adds what another store holds to a folder, with the times that it had there, as `IImportingStore` describes it.

Files and directories are written as everything else is, and versions by `VersionAdder`. When a file or a version was
made is up to the disk. A directory can be written to until all is there: `homeftp.store.importing` gives it its mode
and its time at the end.
"""

from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

import msgspec

from homeftp.config import MIB, SLICE
from homeftp.errors import Changed, NotFound, Refusal
from homeftp.interfaces.importing import Imported
from homeftp.interfaces.store import IHistory, IStore
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.metadata.modes import same_mode
from homeftp.model import ABSENT, Actor, Entry, WriteRequest
from homeftp.store.local.writes.addversions import NewVersion, VersionAdder
from homeftp.store.policy import wording
from homeftp.store.policy.outcomes import catch, results_of

_SMALL = MIB
"""Bytes up to which files are written together."""

_OWNER_MAY_WRITE = 0o700
"""Added to the mode of a directory, so that its owner can add what it holds."""

_NEW_DIRECTORY = 0o755


class LocalImporter(msgspec.Struct, frozen=True):
    """Adds to one store, for one actor."""

    store: IStore
    history: IHistory
    versions: VersionAdder
    actor: Actor

    def add_many(self, items: Sequence[Imported]) -> list[bool | Exception]:
        """Add items: a result for each, in order."""
        results: dict[int, bool | Exception] = {}
        there = self._there(items)
        new: list[int] = []
        for number, item in enumerate(items):
            existing = there[number]
            if existing is None:
                new.append(number)
            elif isinstance(existing, Exception):
                results[number] = existing
            else:
                alike = catch(self._is_alike, existing, item)
                occupied = Changed(
                    f"something else is at {wording.display_path(item.endpoint)} already: nothing was replaced"
                )
                results[number] = alike if isinstance(alike, Exception) else False if alike else occupied
        kept = [number for number in new if items[number].at_us is not None]
        added = self.versions.add([self._new_version(items[number]) for number in kept], self.actor)
        results.update((number, error or True) for number, error in zip(kept, added, strict=True))
        self._write(items, [number for number in new if items[number].at_us is None], results)
        return [results[number] for number in range(len(items))]

    # -- what is there already -----------------------------------------------------

    def _there(self, items: Sequence[Imported]) -> list[Entry | Exception | None]:
        """The entry that is at the place of each item; None where nothing is."""
        current = [number for number, item in enumerate(items) if item.at_us is None]
        found = dict(
            zip(current, results_of(self.store.stat_many, [items[number].endpoint for number in current]), strict=True)
        )
        return [found[number] if number in found else self._version(item) for number, item in enumerate(items)]

    def _version(self, item: Imported) -> Entry | Exception | None:
        try:
            with contextlib.closing(self._open_version(item)) as file:
                return file.entry
        except NotFound:
            return None
        except Refusal as error:
            return error

    def _open_version(self, item: Imported) -> IOpenFile:
        assert item.at_us is not None
        return self.history.open_version(item.endpoint, item.at_us)

    def _is_alike(self, existing: Entry, item: Imported) -> bool:
        """Whether that is what the item would be; a file is read where its hash is not known."""
        if existing.kind != item.kind or existing.damaged is not None:
            return False
        if item.kind == "directory":
            return True
        if existing.size != item.size or item.mtime_us not in (None, existing.mtime_us):
            return False
        if item.mode is not None and not same_mode("file", item.mode, existing.mode):
            return False
        hash = existing.hash
        if hash is None:
            file = self.store.open(item.endpoint) if item.at_us is None else self._open_version(item)
            with contextlib.closing(file):
                hash = [*file.hash_steps()][-1]
        return hash == item.hash

    # -- what is new ---------------------------------------------------------------

    def _new_version(self, item: Imported) -> NewVersion:
        assert item.at_us is not None
        return NewVersion(item.at_us, _request(item), lambda: _pieces(item))

    def _write(self, items: Sequence[Imported], numbers: Sequence[int], results: dict[int, bool | Exception]) -> None:
        """Write new directories and files: small ones together, and each large one after all that precedes it."""
        together: dict[int, tuple[WriteRequest, bytes | None]] = {}
        for number in numbers:
            item = items[number]
            if item.kind == "file" and item.size > _SMALL:
                self._flush(together, results)
                results[number] = self._upload(item)
                continue
            content = None if item.kind == "directory" else catch(b"".join, _pieces(item))
            if isinstance(content, Exception):
                results[number] = content
            else:
                together[number] = _request(item), content
        self._flush(together, results)

    def _flush(
        self, together: dict[int, tuple[WriteRequest, bytes | None]], results: dict[int, bool | Exception]
    ) -> None:
        done = results_of(self.store.write_many, list(together.values()))
        for number, result in zip(together, done, strict=True):
            results[number] = result if isinstance(result, Exception) else True
        together.clear()

    def _upload(self, item: Imported) -> bool | Exception:
        upload = self.store.upload(_request(item))
        try:
            for piece in _pieces(item):
                upload.write(piece)
            upload.commit()
        except Refusal as error:
            return error
        finally:
            upload.abort()
        return True


def _request(item: Imported) -> WriteRequest:
    mode = item.mode
    if item.kind == "directory":
        mode = (_NEW_DIRECTORY if mode is None else mode) | _OWNER_MAY_WRITE
    return WriteRequest(
        endpoint=item.endpoint,
        size=item.size if item.kind == "file" else None,
        hash=item.hash,
        mtime_us=item.mtime_us,
        mode=mode,
        precondition=ABSENT if item.at_us is None else None,
    )


def _pieces(item: Imported) -> Iterator[bytes]:
    """The content of an item."""
    assert item.open is not None
    offset = 0
    with contextlib.closing(item.open()) as file:
        while piece := file.read(offset, min(SLICE, file.entry.size - offset)):
            offset += len(piece)
            yield piece
