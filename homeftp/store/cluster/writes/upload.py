"""An upload to the cluster store: parts become objects as they arrive, and are remembered so that any server can go on.

A small file stays in memory until its commit. Of a large one each full part is written, and named by a row of `upload`,
before the next one is taken: after a crash of this server another one continues from there.
"""

from __future__ import annotations

import contextlib
from typing import Iterator

from zope.interface import implementer

from homeftp.cluster.database import Transaction
from homeftp.cluster.objects import ObjectMissing
from homeftp.config import RESUMABLE, SLICE
from homeftp.errors import Changed, NoSpace, Refusal
from homeftp.hashing.filehash import Hasher
from homeftp.interfaces.store import IUpload
from homeftp.model import Entry, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart, NodeRow
from homeftp.store.cluster.reading.opened import StoredContent
from homeftp.store.cluster.tables import contents
from homeftp.store.cluster.writes.arrived import ArrivedParts, drop_similar
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.transactions import change, read
from homeftp.store.policy import limits, wording
from homeftp.store.policy.preconditions import check_replaceable


@implementer(IUpload)
class ClusterUpload:
    """A content that arrives; `earlier` has what arrived before `request.offset`."""

    def __init__(self, context: ClusterContext, request: WriteRequest, earlier: ArrivedParts) -> None:
        self._context = context
        self._request = request
        self._arrived = earlier
        self._buffer = bytearray()
        self._hasher = Hasher()
        self._size = request.offset
        self._ended = False
        context.memory.reserve()
        actor = request.actor
        self._limited = context.options.quota is not None or (
            actor.allotment is not None and actor.allotment.quota is not None
        )

    def verify_resumed(self) -> Iterator[int]:
        """Hash what arrived earlier, step by step."""
        if not self._request.offset:
            return
        stored = StoredContent(self._context.bucket, self._arrived.parts)
        done = 0
        while done < self._request.offset:
            try:
                piece = stored.read(done, min(SLICE, self._request.offset - done))
            except ObjectMissing as error:
                self.abort()
                raise self._gone() from error
            self._hasher.update(piece)
            done += len(piece)
            yield done
        if self._arrived.hash is not None and self._arrived.hash != self._hasher.hash():
            self.abort()
            raise self._gone()

    def _gone(self) -> Changed:
        path = wording.display_path(self._request.endpoint)
        return Changed(f"what arrived of {path} was not kept: compare again, and send it from the beginning")

    def write(self, data: bytes) -> None:
        """Append the next bytes."""
        self._expect_open()
        size = self._size + len(data)
        try:
            if self._request.size is not None and size > self._request.size:
                raise limits.wrong_size(self._request, size)
            self._context.limits.check_size(self._request.endpoint, size)
            if self._limited:
                check_space(self._context, self._request, size)
        except NoSpace:
            if self._request.size is not None:
                self.suspend()
            self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        self._size = size
        view = memoryview(data)
        while len(view):
            most = self._context.memory.part_bytes
            taken = max(0, min(len(view), most - len(self._buffer)))
            self._buffer += view[:taken]
            self._hasher.update(view[:taken])
            view = view[taken:]
            if len(self._buffer) >= most:
                self._write_part()
                self._remember()

    def _write_part(self) -> None:
        """Write what is in memory as an object."""
        if self._buffer:
            since_us = contents.now_us(self._context.database)
            name = self._context.bucket.new_name()
            self._context.bucket.put(name, self._buffer)
            self._arrived = self._arrived.with_part(ContentPart(name, 0, len(self._buffer)), since_us)
            self._buffer = bytearray()

    def _remember(self) -> None:
        """Have other servers know what arrived."""

        def work(transaction: Transaction) -> ArrivedParts:
            return self._arrived.store(self._context, transaction, self._request, self._hasher.hash())

        self._arrived = self._context.database.transact(work)

    def commit(self, hash: str | None = None) -> Entry:
        """Put the content in place."""
        self._expect_open()
        try:
            found = self._hasher.hash()
            declared = self._request.hash if hash is None else hash
            self._context.limits.check_size(self._request.endpoint, self._size)
            limits.check_content(self._request, self._size, found, declared)
            self._write_part()
            return self._commit(found)
        finally:
            self.abort()

    def _commit(self, hash: str) -> Entry:
        request = self._request

        def work(committer: ClusterCommitter) -> Entry:
            number = self._arrived.name(committer, request, hash)  # before space is looked for: it takes up some itself
            node = committer.put(request, self._size, hash, lambda: number)
            drop_similar(committer, [request])
            return node.entry()

        entry = change(self._context, [request.endpoint], work, [request.actor])
        self._arrived = ArrivedParts()
        return entry

    def suspend(self) -> None:
        """Keep what arrived, where it is worth it."""
        if self._ended:
            return
        if self._request.size is None or self._size < RESUMABLE:
            self.abort()
            return
        self._write_part()
        self._remember()
        arrived, self._arrived = self._arrived, ArrivedParts()
        self._end()
        arrived.replace_others(self._context, self._request)

    def abort(self) -> None:
        """Discard what was written. What cannot be discarded now expires."""
        self._end()
        arrived, self._arrived = self._arrived, ArrivedParts()
        with contextlib.suppress(Refusal):
            arrived.discard(self._context, self._request)

    def _end(self) -> None:
        self._buffer = bytearray()
        if not self._ended:
            self._ended = True
            self._context.memory.release()

    def _expect_open(self) -> None:
        if self._ended:
            raise ValueError("this upload has ended")


def check_space(context: ClusterContext, request: WriteRequest, size: int) -> NodeRow | None:
    """Raise what refuses a file of `size` bytes already now; the current file. Removes nothing, and locks nothing.

    Raises `NoSpace` (52), `WrongKind` (43), and `Changed` (44).
    """

    def work(committer: ClusterCommitter) -> NodeRow | None:
        check_replaceable(request.endpoint, committer.entry(request.endpoint), request.precondition)
        cost = committer.cost(request.endpoint, size)
        committer.reserve(request.endpoint, cost, request.actor, arrived=False)
        return committer.workspace.get(request.endpoint)

    return read(context, [request.endpoint], work, [request.actor])
