"""The files of one share, as dispatchers see them: the store's only face."""

from __future__ import annotations

from typing import Iterator, Sequence

from zope.interface import implementer

from homeftp.index import Index
from homeftp.interfaces import IShare
from homeftp.store.batch import put_together
from homeftp.store.drafts import Drafts
from homeftp.store.entries import Filetypes
from homeftp.store.incoming import Incoming, begin, make_directory
from homeftp.store.jail import Jail
from homeftp.store.listing import Listing
from homeftp.store.reading import OpenFile, Reading
from homeftp.store.replacing import Replacing
from homeftp.syscalls import System
from homeftp.values import Page, Put
from homeftp.wire.endpoint import Endpoint
from homeftp.wire.messages import Entry


@implementer(IShare)
class Share:
    """The folder `root`, for one server alone, until `close`. Blocks; safe in several threads.

    `filetypes` are the suffixes that files must have, none: any; `file_size`
    is the largest that is taken, in bytes. The caller closes `index`. Raises
    `SetupError` for a root that is missing, is no directory, cannot be used,
    or is shared by another server already.
    """

    def __init__(
        self,
        root: str,
        index: Index,
        *,
        filetypes: tuple[str, ...] = (),
        file_size: int | None = None,
        system: System | None = None,
    ) -> None:
        system = System() if system is None else system
        allowed = Filetypes(filetypes)
        self._jail = Jail(root, system)
        try:
            self._drafts = Drafts(self._jail, system, root)
        except BaseException:
            self._jail.close()
            raise
        self._replacing = Replacing(
            jail=self._jail,
            drafts=self._drafts,
            index=index,
            system=system,
            filetypes=allowed,
            file_size=file_size,
            whole=system.syncs_whole(self._jail.root),
        )
        self._reading = Reading(self._jail, index, allowed)
        self._listing = Listing(self._jail, index, allowed)

    def close(self) -> None:
        """Let go of the folder: another server may have it. May be called twice, but not while a job runs."""
        self._drafts.close()
        self._jail.close()

    def look(self, endpoint: Endpoint) -> Entry | None:
        """What stands there, with its hash where the index knows it; None when nothing does."""
        return self._reading.look(endpoint)

    def open(self, endpoint: Endpoint) -> OpenFile:
        """A file, to read."""
        return self._reading.open(endpoint)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[OpenFile | Exception]:
        """`open` for several at once; those of at most `inline` bytes have their content and hash, and are closed."""
        return self._reading.open_many(endpoints, inline)

    def pages(self, endpoint: Endpoint, recursive: bool) -> Iterator[Page]:
        """A directory's entries, page by page."""
        return self._listing.pages(endpoint, recursive)

    def begin(self, put: Put) -> Incoming:
        """Room for a large file."""
        return begin(self._replacing, put)

    def put_many(self, puts: Sequence[tuple[Put, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together."""
        return put_together(self._replacing, puts)

    def make_directory(self, put: Put) -> Entry:
        """Make a directory, and its parents."""
        return make_directory(self._replacing, put)
