"""An open directory: its entries in the store, and what only the session sees there, one answer at a time."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime

from homeftp.config import MINUTE
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy
from homeftp.interfaces.files import AsyncPages
from homeftp.model import Entry, ListingPage
from homeftp.server.gate.timeouts import Deadline

MOST_NAMES = 256
"""Names in one answer: about 40 KiB."""

IDLE_SECONDS = 1 * MINUTE
"""How long a client may wait before it asks for the next names: an account has few listings under way at once."""


class DirectoryReader:
    """Reads the directory at `endpoint`. `drafts` are the files that only this session sees as they are."""

    def __init__(
        self,
        endpoint: Endpoint,
        begin: Callable[[], AsyncPages[ListingPage]],
        drafts: Callable[[], Sequence[Entry]],
        clock: IReactorTime,
    ) -> None:
        self.endpoint = endpoint
        self._begin = begin
        self._drafts = drafts
        self._clock = clock
        self._lock = DeferredLock()
        self._pages: Any = None
        self._shown: dict[str, Entry] = {}
        self._entries: list[Entry] = []
        self._ended = False
        self._expired = False
        self._idle: Deadline | None = None

    def read(self) -> Deferred[list[Entry]]:
        """The next entries; none at the end. Raises `Busy` (51) where the client has waited for too long."""
        return self._lock.run(lambda: Deferred.fromCoroutine(self._read()))

    async def _read(self) -> list[Entry]:
        if self._expired:
            raise Busy("the listing was not read for too long: open the directory again")
        if self._idle is not None:
            self._idle.cancel()
        if self._pages is None and not self._ended:
            self._pages = self._begin().__aiter__()
            self._shown = {entry.name: entry for entry in self._drafts()}
        while not self._entries and not self._ended:
            await self._next_page()
        found, self._entries = self._entries[:MOST_NAMES], self._entries[MOST_NAMES:]
        if not self._ended:
            self._idle = Deadline(self._clock, IDLE_SECONDS, self._expire)
        return found

    async def _next_page(self) -> None:
        try:
            page = await self._pages.__anext__()
        except StopAsyncIteration:
            self._ended = True
            self._entries = list(self._shown.values())
            return
        self._entries = [self._shown.pop(entry.name, entry) for entry in page.entries]

    def _expire(self) -> None:
        self._expired = True
        self.close()

    def close(self) -> None:
        """End the listing."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._entries, self._ended = [], True
        pages, self._pages = self._pages, None
        if pages is not None:
            self._lock.run(lambda: Deferred.fromCoroutine(pages.aclose()).addErrback(lambda failure: None))
