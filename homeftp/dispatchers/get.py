"""GET: a file's content, or a directory's entries."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from msgspec import structs
from twisted.internet.defer import Deferred, FirstError, gatherResults
from zope.interface import implementer

from homeftp.dispatchers.batches.get import get_batch
from homeftp.errors import BadRequest, Changed, Damaged, Forbidden, NotFound, WrongKind, counted
from homeftp.interfaces import IDispatcher, IFileStream, IPathLocking, IRequest, IResolution
from homeftp.model import Entry, ListingPage, PathLock, TreeProgress
from homeftp.status import Status
from homeftp.wire.messages import GetBody, entry_body

_HASHED_TOGETHER = 64
"""Files that are hashed at once: the small ones of them are opened in one job."""

Report = Callable[[TreeProgress], Awaitable[object]]
"""Is told how many files were hashed, and bytes read, since the beginning."""


@implementer(IDispatcher, IPathLocking)
class GetDispatcher:
    """Sends a file, and then whether it changed while it was sent; or lists a directory, page by page."""

    request_type = "GET"
    body_type = GetBody

    def path_lock(self, body: GetBody) -> PathLock:
        """The request reads its endpoint."""
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Send what is at the endpoint."""
        body: GetBody = request.body
        if body.batch:
            await get_batch(request, body, resolution)
            return
        if not body.rel_endpoint.parts:
            await _list(request, resolution)
            return
        try:
            stream = await request.files.open(body.rel_endpoint, body.as_of)
        except WrongKind:
            await _list(request, resolution)
            return
        try:
            await _send(stream, request, resolution)
        finally:
            await stream.close()


async def _send(stream: IFileStream, request: IRequest, resolution: IResolution) -> None:
    """Send the entry with the content, then the result of the verification."""
    body: GetBody = request.body
    if body.recursive or body.hashes:
        raise WrongKind("recursive and hashes are for directories; this is a file")
    size = stream.entry.size
    if body.offset > size:
        raise BadRequest(f"offset {body.offset} is past the end: the file has {counted(size, 'byte')}")
    length = size - body.offset if body.length is None else min(body.length, size - body.offset)
    if body.if_hash is not None and await stream.hash(request.cancelled) != body.if_hash:
        raise Changed("the file is not the one that if_hash names: compare again")
    await resolution.send(entry_body(stream.entry), payload=stream.payload(body.offset, length))
    entry = await stream.close_verified(request.cancelled)
    resolution.resolve(Status.OK, f"sent {body.rel_endpoint}", {"hash": entry.hash} if entry.hash else None)


async def _list(request: IRequest, resolution: IResolution) -> None:
    """Send the entries of a directory, in `more` lines."""
    body: GetBody = request.body
    if body.offset or body.length is not None or body.if_hash is not None:
        if body.as_of is not None:
            await resolution.turn()
            await _require_past_directory(request, body.as_of)
        raise WrongKind("this is a directory: offset, length and if_hash are for files")
    if body.hashes and body.as_of is not None:
        raise BadRequest("hashes is for what is there now: leave out as_of")
    hasher = _PageHasher(request, lambda step: resolution.send({"files": step.files, "bytes": step.size}))
    total = 0
    await resolution.turn()
    pages = request.files.list(body.rel_endpoint, body.recursive, body.as_of)
    try:
        async for listed in pages:
            page = await hasher.fill_in(listed) if body.hashes else listed
            total += len(page.entries)
            if page.entries or page.skipped or body.as_of is None:
                await resolution.send(_page_body(page))
    finally:
        await pages.aclose()
    resolution.resolve(Status.OK, f"listed {str(body.rel_endpoint) or 'the root'}", {"entries_total": total})


async def _require_past_directory(request: IRequest, as_of_us: int) -> None:
    """Raise `NotFound` (40) where nothing was there at that time: `IFiles.open` cannot tell that from a directory."""
    body: GetBody = request.body
    pages = request.files.list(body.rel_endpoint, as_of_us=as_of_us)
    try:
        async for page in pages:
            if page.entries:
                break
    finally:
        await pages.aclose()


def _page_body(page: ListingPage) -> dict[str, Any]:
    body: dict[str, Any] = {"entries": [entry_body(entry) for entry in page.entries]}
    if page.skipped:
        body["skipped"] = page.skipped
    return body


class _PageHasher:
    """Hashes the files of one request's listing. Raises `ConnectionLost` once the client has disconnected."""

    def __init__(self, request: IRequest, report: Report) -> None:
        self._request = request
        self._report = report
        self._files = 0
        self._bytes = 0

    async def fill_in(self, page: ListingPage) -> ListingPage:
        """The page with all hashes.

        A file that is gone is left out. A damaged one, one that the server may not read, and one that keeps changing
        have no hash.
        """
        found: dict[str, Entry | None] = {entry.name: entry for entry in page.entries}
        unknown = [entry for entry in page.entries if entry.kind == "file" and (entry.hash or entry.damaged) is None]
        for start in range(0, len(unknown), _HASHED_TOGETHER):
            some = unknown[start : start + _HASHED_TOGETHER]
            hashing = [Deferred.fromCoroutine(self._hash(entry)) for entry in some]
            try:
                hashed = await gatherResults(hashing, consumeErrors=True)
            except FirstError as failed:
                failed.subFailure.raiseException()
                raise
            found.update(zip([entry.name for entry in some], hashed, strict=True))
            await self._report(TreeProgress(self._files, self._bytes))
        return ListingPage(tuple(entry for entry in found.values() if entry is not None), page.skipped)

    async def _hash(self, listed: Entry) -> Entry | None:
        endpoint, files = self._request.body.rel_endpoint.child(listed.name), self._request.files
        entry: Entry | None = None
        try:
            entry = await files.hash(endpoint, self._request.cancelled)
        except Damaged:
            entry = await files.stat(endpoint)
        except (Forbidden, WrongKind, Changed):
            return listed
        except NotFound:
            return None
        if entry is None:
            return None
        self._files += 1
        self._bytes += entry.size
        return structs.replace(entry, name=listed.name)
