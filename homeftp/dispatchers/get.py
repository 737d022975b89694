"""GET: a file's content, or a directory's entries."""

from __future__ import annotations

from typing import Any, Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from homeftp.config import PIECE, SMALL_FILE
from homeftp.dispatchers.digest import check_again, known_hash
from homeftp.dispatchers.together import together_per_share
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest, Changed, TooLarge, WrongKind
from homeftp.files.budget import MemoryBudget
from homeftp.hashing.filehash import Hasher
from homeftp.interfaces import IDispatcher, IOpenFile, IPathLocking, IPayload, IRequest, IResolution, IStore, IWorkers
from homeftp.model import ListingPage, PathLock
from homeftp.status import Status
from homeftp.wire.messages import Get, entry_body

GROUP = 64
"""Files that are opened, and where small read, in one job, at most."""


def _open_many(share: IStore, endpoints: Sequence[Endpoint]) -> Sequence[IOpenFile | Exception]:
    return share.open_many(endpoints, SMALL_FILE)


@implementer(IDispatcher, IPathLocking)
class GetDispatcher:
    """Sends a file, then says whether it stayed the same meanwhile; or lists a directory, page by page."""

    request_type = "GET"
    body_type = Get

    def __init__(self, workers: IWorkers) -> None:
        self._open = together_per_share(workers, _open_many, limit=GROUP)
        self._budget = MemoryBudget()

    def claims(self, body: Get) -> PathLock:
        """It reads its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Send what stands at the endpoint."""
        body: Get = request.body
        endpoint = parse(body.rel_endpoint)
        share: IStore = request.account.share
        if not endpoint.parts:
            await _list(endpoint, request, resolution)
            return
        try:
            file: IOpenFile = await self._open.run((share, endpoint))
        except WrongKind:
            await _list(endpoint, request, resolution)
            return
        try:
            await _send(file, request, resolution, self._budget)
        finally:
            if file.content is None:
                await request.workers.finish(file.close)


async def _send(file: IOpenFile, request: IRequest, resolution: IResolution, budget: MemoryBudget) -> None:
    """The head with the content, then the verdict."""
    body: Get = request.body
    if body.recursive:
        raise WrongKind("recursive is for directories; this is a file")
    size = file.entry.size
    if body.offset > size:
        raise BadRequest(f"offset {body.offset} is past the end: the file has {size} bytes")
    length = size - body.offset if body.length is None else min(body.length, size - body.offset)
    if body.if_hash is not None and await known_hash(file, request) != body.if_hash:
        raise Changed("the file is not the one that if_hash names: compare again")
    if file.content is not None:
        await resolution.send(entry_body(file.entry), payload=file.content[body.offset : body.offset + length])
        entry = file.entry
    else:
        whole = length == size
        hashed = whole and file.entry.hash is None
        content = FilePayload(file, body.offset, length, request.workers, budget, hashed=hashed)
        try:
            await resolution.send(entry_body(file.entry), payload=content)
        finally:
            await content.rest()
        if content.digest is not None and await request.workers.run(file.is_stale):
            await check_again(file, content.digest, request)
        entry = await request.workers.run(file.verify, content.digest)
    resolution.resolve(Status.OK, f"sent {body.rel_endpoint}", {"hash": entry.hash} if entry.hash else None)


@implementer(IPayload)
class FilePayload:
    """Part of an open file, read one piece ahead once it is being sent, and hashed as it goes where that is asked for.

    A hash that is known already goes out as it is: then a client finds out
    when the disk has not kept what the hash was made of.
    """

    def __init__(
        self, file: IOpenFile, offset: int, size: int, workers: IWorkers, budget: MemoryBudget, *, hashed: bool
    ) -> None:
        self.size = size
        self._file = file
        self._offset = offset
        self._missing = size
        self._workers = workers
        self._budget = budget
        self._hasher = Hasher() if hashed else None
        self._ahead: Deferred[bytes] | None = None

    @property
    def digest(self) -> str | None:
        """The hash of what has been read, if it was asked for."""
        return None if self._hasher is None else self._hasher.hash()

    def _fetch(self) -> Deferred[bytes]:
        """Two pieces are held at once, the one that is being sent and the next."""
        return self._workers.run(self._piece, max(PIECE, self._budget.piece // 2))

    def _piece(self, size: int) -> bytes:
        """In a worker: the next piece."""
        if not self._missing:
            return b""
        data = self._file.read(self._offset, min(size, self._missing))
        if self._hasher is not None:
            self._hasher.update(data)
        self._offset += len(data)
        self._missing -= len(data)
        return data

    async def read(self) -> bytes:
        """The next piece; b"" after the last. Raises `Changed` (44) when the file got shorter."""
        self._budget.enter(self)
        ahead, self._ahead = self._ahead or self._fetch(), None
        data = await ahead
        if data:
            self._ahead = self._fetch()
        return data

    async def rest(self) -> None:
        """Return when nothing is being read any more, whatever came of it: then the file may be closed."""
        self._budget.leave(self)
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await ahead.addErrback(lambda failure: None)

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`."""
        if self.size > limit:
            raise TooLarge(f"the content has {self.size} bytes; at most {limit} are allowed here")
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)


async def _list(endpoint: Endpoint, request: IRequest, resolution: IResolution) -> None:
    """The entries of a directory, in `more` lines."""
    body: Get = request.body
    if body.offset or body.length is not None or body.if_hash is not None:
        raise WrongKind("this is a directory: offset, length and if_hash are for files")
    pages = request.account.share.list(endpoint, body.recursive)
    total = 0
    while (page := await request.workers.run(next, pages, None)) is not None:
        total += len(page.entries)
        await resolution.send(_page_body(page))
    resolution.resolve(Status.OK, f"listed {str(endpoint) or 'the root'}", {"entries_total": total})


def _page_body(page: ListingPage) -> dict[str, Any]:
    body: dict[str, Any] = {"entries": [entry_body(entry) for entry in page.entries]}
    if page.skipped:
        body["skipped"] = page.skipped
    return body
