"""The arrived part of an upload: its parts, and the row by which other servers find them."""

from __future__ import annotations

from typing import Sequence

import attrs
from msgspec import structs

from homeftp.cluster.database import Transaction
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart, Names
from homeftp.store.cluster.tables import contents, numbers, uploads, usage
from homeftp.store.cluster.tables.uploads import UploadRow
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.policy import wording


@attrs.frozen
class ArrivedParts:
    """The parts of an upload so far."""

    parts: Sequence[ContentPart] = ()
    row: UploadRow | None = None
    """The row that names the first of them; None as long as no other server knows of any."""
    stored: int = 0
    """How many of them it names."""
    continues: bool = False
    """Whether the row is still that of the upload that is continued: it is taken over when more arrives."""
    since_us: int | None = None
    """A time, by the database's clock, before the first of the others was written."""
    hash: str | None = None
    """The hash of the arrived part, where it is known for just these bytes."""

    @property
    def size(self) -> int:
        """The number of bytes that have arrived."""
        return sum(part.size for part in self.parts)

    def with_part(self, part: ContentPart, since_us: int) -> ArrivedParts:
        """These parts and the next one, which was begun to be written at that time or later."""
        since_us = since_us if self.since_us is None else self.since_us
        return attrs.evolve(self, parts=(*self.parts, part), since_us=since_us)

    def store(
        self, context: ClusterContext, transaction: Transaction, request: WriteRequest, prefix_hash: str
    ) -> ArrivedParts:
        """Name all parts by a row. Raises `Changed` (44) where another server continues the upload, or it expired."""
        usage.lock_share(transaction, context.share.id, alone=False)
        row, counted = self._store(context, transaction, request, prefix_hash)
        _charge(context, transaction, request.endpoint.parts, usage.cost(row.arrived) - counted)
        return ArrivedParts(self.parts, row, len(self.parts))

    def _store(
        self, context: ClusterContext, transaction: Transaction, request: WriteRequest, prefix_hash: str
    ) -> tuple[UploadRow, int]:
        """The row that names all parts, and the bytes that are counted for it, or for the one in whose place it is."""
        row, counted = self._own_row(context, transaction, request, prefix_hash)
        new = self.parts[self.stored :]
        if new:
            since_us = self.since_us if self.since_us is not None else contents.now_us(transaction)
            objects = [part.object for part in new]
            contents.claim(transaction, objects, since_us=since_us, grace_seconds=context.cluster.grace_seconds)
            contents.insert(transaction, {row.content: new}, self.stored)
        return row, counted

    def _own_row(
        self, context: ClusterContext, transaction: Transaction, request: WriteRequest, prefix_hash: str
    ) -> tuple[UploadRow, int]:
        size = self.size
        if self.row is not None and not self.continues:
            before = uploads.advance(transaction, self.row.id, size, prefix_hash)
            if before is None:
                raise _taken_over(request.endpoint)
            return attrs.evolve(self.row, arrived=size, prefix_hash=prefix_hash), usage.cost(before)
        _, (id, content) = numbers.allocate(transaction, 2)
        counted = 0
        if self.row is not None:
            gone = uploads.delete(transaction, [self.row.id])
            if not gone:
                raise _taken_over(request.endpoint)
            counted = usage.cost(gone[self.row.id])  # more may have arrived by the server that is taken over from
            content = self.row.content
            contents.cut(transaction, content, self.parts[: self.stored])
        row = UploadRow(
            id=id,
            names=request.endpoint.parts,
            owner=request.actor.owner,
            hash=request.hash,
            size=request.size,
            mtime_us=request.mtime_us,
            content=content,
            arrived=size,
            prefix_hash=prefix_hash,
            at_us=0,
        )
        uploads.insert(transaction, context.share.id, row)
        return row, counted

    def name(self, committer: ClusterCommitter, request: WriteRequest, hash: str) -> int | None:
        """The number of the whole content, which a file is about to have: it does not count as an upload any more."""
        workspace = committer.workspace
        if self.row is None:
            since_us = workspace.now_us if self.since_us is None else self.since_us
            workspace.offer({part.object: part.size for part in self.parts}, since_us)
            return workspace.add_content(self.parts)
        row, counted = self._store(workspace.context, workspace.transaction, request, hash)
        uploads.delete(workspace.transaction, [row.id])
        workspace.charge(request.endpoint.parts, -counted)
        return row.content

    def replace_others(self, context: ClusterContext, request: WriteRequest) -> None:
        """Forget what arrived earlier of the same content."""
        row = self.row
        assert row is not None

        def work(transaction: Transaction) -> None:
            usage.lock_share(transaction, context.share.id, alone=False)
            found = uploads.of_paths(transaction, context.share.id, [row.names])
            others = [each for each in found if each.id != row.id and uploads.request_fits(each, request)]
            _forget(context, transaction, others)

        context.database.transact(work)

    def discard(self, context: ClusterContext, request: WriteRequest) -> None:
        """Forget what arrived in this upload; what arrived in an earlier one that it continues stays."""
        row = self.row
        if row is None and self.parts:
            context.database.transact(
                lambda transaction: contents.suspect(transaction, [part.object for part in self.parts])
            )
        elif row is not None and not self.continues:
            kept = row

            def work(transaction: Transaction) -> None:
                usage.lock_share(transaction, context.share.id, alone=False)
                _forget(context, transaction, [kept])
                contents.suspect(transaction, [part.object for part in self.parts[self.stored :]])

            context.database.transact(work)


def earlier(context: ClusterContext, request: WriteRequest) -> ArrivedParts:
    """The parts that arrived earlier, up to the request's offset; raises `Changed` (44) where there are fewer."""
    if not request.offset:
        return ArrivedParts()
    names, owner = request.endpoint.parts, request.actor.owner
    wanted = (request.hash, request.size, request.mtime_us)
    row = uploads.furthest(context.database, context.share.id, names, owner, *wanted)
    parts, left = [], request.offset
    for part in () if row is None else contents.parts(context.database, row.content):
        if left > 0:
            parts.append(structs.replace(part, size=min(part.size, left)))
            left -= part.size
    if row is None or left > 0:
        raise Changed(f"less of {wording.display_path(request.endpoint)} arrived earlier: compare again")
    hash = row.prefix_hash if row.arrived == request.offset else None
    return ArrivedParts(parts, row, len(parts), continues=True, hash=hash)


def drop_similar(committer: ClusterCommitter, requests: Sequence[WriteRequest]) -> None:
    """Forget what arrived of the same contents earlier, from the same accounts: they are in place now."""
    context, transaction = committer.workspace.context, committer.workspace.transaction
    found = uploads.of_paths(transaction, context.share.id, [each.endpoint.parts for each in requests])
    if found:
        done = [each for each in found if any(uploads.request_fits(each, request) for request in requests)]
        _forget(context, transaction, done)


def _forget(context: ClusterContext, transaction: Transaction, rows: Sequence[UploadRow]) -> None:
    gone = uploads.delete(transaction, [each.id for each in rows])
    for each in rows:
        if each.id in gone:
            contents.drop(transaction, [each.content])
            _charge(context, transaction, each.names, -usage.cost(gone[each.id]))


def _charge(context: ClusterContext, transaction: Transaction, names: Names, size: int) -> None:
    """Count bytes for a path, at once."""
    if size:
        usage.charge(transaction, context.share.id, [(names, size)])


def _taken_over(endpoint: Endpoint) -> Changed:
    return Changed(f"the upload of {wording.display_path(endpoint)} was continued elsewhere, or expired: compare again")
