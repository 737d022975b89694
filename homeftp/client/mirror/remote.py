"""Deleting on the server what only the server has; the server keeps the files as versions."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Mapping, Sequence

from twisted.internet.defer import Deferred, FirstError, gatherResults

from homeftp.client.api import Client
from homeftp.client.transfer.model import DeletionPlan, EndpointOf, FileResult, Outcome
from homeftp.client.transfer.observer import TransferObserver
from homeftp.errors import Changed, NotFound, Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry, Kind

_WINDOW = 256
"""Requests that are made at once; as many as in a push."""

_ANY_HASH = hash_bytes(b"")
"""A hash to compare with, so that the answer has the file's own."""


class RemoteDeletion:
    """Deletes what a plan names from a server that was listed as `remote`; `endpoint_of` gives the endpoints."""

    def __init__(
        self, client: Client, endpoint_of: EndpointOf, remote: Mapping[str, Entry], observer: TransferObserver
    ) -> None:
        self._client = client
        self._endpoint_of = endpoint_of
        self._remote = remote
        self._observer = observer

    async def run(self, plan: DeletionPlan) -> None:
        """Delete files, then directories, deepest first; what has changed stays. Raises `ConnectionFailed`."""
        await self._in_batches(self._delete_file, plan.files)
        depths: dict[int, list[str]] = {}
        for name in plan.directories:
            depths.setdefault(name.count("/"), []).append(name)
        for depth in sorted(depths, reverse=True):
            await self._in_batches(self._delete_directory, depths[depth])

    async def _in_batches(self, delete: Callable[[str], Coroutine[Any, Any, None]], names: Sequence[str]) -> None:
        for start in range(0, len(names), _WINDOW):
            batch = [Deferred.fromCoroutine(delete(name)) for name in names[start : start + _WINDOW]]
            try:
                await gatherResults(batch, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()

    async def _delete_file(self, name: str) -> None:
        endpoint, listed = self._endpoint_of(name), self._remote[name]
        try:
            if_hash = listed.hash or listed.damaged or None
            if if_hash is None:
                found = (await self._client.cmp(endpoint, hash=_ANY_HASH)).remote
                if found is None or (found.size, found.mtime_us) != (listed.size, listed.mtime_us):
                    raise Changed("it has changed since it was listed")
                if_hash = found.hash
            await self._client.remove(endpoint, if_hash=if_hash)
        except NotFound:
            pass  # somebody else has deleted it meanwhile
        except Refusal as refused:
            self._report(name, "file", refused)
            return
        self._report(name, "file")

    async def _delete_directory(self, name: str) -> None:
        try:
            await self._client.remove(self._endpoint_of(name))
        except NotFound:
            pass
        except Refusal as refused:
            self._report(name, "directory", refused)
            return
        self._report(name, "directory")

    def _report(self, name: str, kind: Kind, refused: Refusal | None = None) -> None:
        if refused is None:
            self._observer.add_result(FileResult(Outcome.DELETED, name, kind=kind))
        else:
            reason = f"not deleted: {refused.message}"
            self._observer.add_result(FileResult(Outcome.REFUSED, name, 0, reason, kind=kind))
