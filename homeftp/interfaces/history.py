"""The versions of a store as its history: `IHistory`, which a store with versions gives to those who bound it."""

from __future__ import annotations

from typing import Iterator, Sequence

from zope.interface import Interface

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.model import Entry


class IHistory(Interface):
    """The history of a store's names, by time. Its promises, and who may call it when, are those of `IStore`."""

    def timelines(
        endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[Sequence[Timeline]]:
        """The entries of each name, with its versions replaced or removed at `since_us` or later, page by page.

        That is the endpoint itself, with `depth` 1 what is directly in it, and without a depth everything beneath. They
        come sorted by the bytes of their names, each directory followed by what it holds; one that does not exist any
        more has no timeline of its own. Names without a file, a directory or a version are left out. Of what was put
        back at `since_us` or later it tells when that was. A name with more than `config.LISTING_PAGE` versions is
        given in parts, as `homeftp.history.parts` describes them. A page may be empty, and `hidden` counts, as for
        `IStore.list`. Each step blocks.
        """

    def open_version(endpoint: Endpoint, at_us: int) -> IOpenFile:
        """Open a version for reading. Raises `NotFound` (40) where there is none, and `Damaged` (46)."""

    def revert(reversions: Sequence[Reversion]) -> Sequence[Entry | Exception | None]:
        """Give each endpoint what it had, durably: the entry, None where nothing is there any more, or the refusal.

        Each is atomic on its own, and a refused one leaves the others be. Their endpoints are distinct. What is there
        becomes a version, and where none can be kept it is refused with `NoSpace` (52). Errors are those of
        `IStore.restore`, and of `IStore.remove` for a file.
        """

    def remove_versions(versions: Sequence[VersionId]) -> Sequence[int | Exception]:
        """Remove versions for good, durably: the bytes of each, or why it is still there.

        Each is recorded as a "prune". With the last version of a file it is forgotten what was put back there. Raises
        nothing that concerns one version: errors are `NotFound` (40), and `Busy` (51) for a version that is being put
        back at the moment.
        """


__all__ = ["IHistory"]
