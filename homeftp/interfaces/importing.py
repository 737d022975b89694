"""A store that can take in another store: its files with their versions, each with the times that it had.

`homeftp.store.importing` brings a store to one. A server never does: to a client the past is not to be written.
"""

from __future__ import annotations

from typing import Callable, Sequence

import msgspec
from zope.interface import Interface

from homeftp.endpoint import Endpoint
from homeftp.history.changes import VersionId
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.model import Kind


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A file, a directory or a version of another store."""

    endpoint: Endpoint
    kind: Kind = "file"
    at_us: int | None = None
    """When it was replaced or removed (microseconds since 1970 UTC), of a version; None: it is there now."""
    size: int = 0
    mtime_us: int | None = None
    mode: int | None = None
    hash: str | None = None
    """None where the other store does not know it without reading the file."""
    made_us: int | None = None
    """When it was made, as `Timeline.made_us`; None: not known."""
    open: Callable[[], IOpenFile] | None = None
    """Opens its content; None for a directory."""


class IImportingStore(Interface):
    """A store to which the files, directories and versions of another one can be added."""

    def add_many(items: Sequence[Imported]) -> Sequence[bool | Exception]:
        """Add what another store has, durably: a result for each, in order. Blocks.

        True: it was added, with its times, its mode and its content. False: that was there already, with the same
        content, times and mode. Nothing is ever replaced: an item is refused with `Changed` (44) where something
        else is there, with `NotFound` (40) where its directory is not and the store does not make it, and with
        `ContentMismatch` (45) where its content is not the one that its hash and its size tell of. It is also refused
        with what opening it raises. A directory comes before what it holds. Raises `Busy` (51) where the store does not
        answer: then it is not known which of them were added, and adding them again is right. A store of which the
        directories have times that change with what they hold keeps these only after `finish_directories`.
        """


class IExportedHistory(Interface):
    """A history whose versions can be opened together, because that takes it less than one after the other."""

    def open_versions(asked: Sequence[VersionId], inline: int) -> Sequence[IOpenFile | Exception]:
        """`IHistory.open_version` for several at once, in order, as `IStore.open_many` does it for files. Blocks."""


__all__ = ["IExportedHistory", "IImportingStore", "Imported"]
