"""Reading everything again: contents that the bucket has not kept are marked, and mended from a copy."""

from __future__ import annotations

from typing import Generator, Iterator, Sequence

from msgspec import structs

from homeftp.cluster.objects import ObjectMissing
from homeftp.config import SLICE
from homeftp.endpoint import Endpoint, FolderSet
from homeftp.hashing.filehash import Hasher
from homeftp.model import MENDER, ONLY_MARKED, SERVER, Actor, Change, Damage, Verification
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import NODES, ContentPart, FileRow, NodeRow, VersionRow, path_names
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.reading.opened import StoredContent
from homeftp.store.cluster.tables import contents, damages, versions
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables.damages import Copy
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.transactions import change
from homeftp.store.policy import wording

UNREADABLE = ""
"""The value of `found` for a content that cannot be read."""


class ClusterVerifier:
    """Reads what is at and beneath an endpoint."""

    def __init__(
        self, context: ClusterContext, actor: Actor, endpoint: Endpoint, since_us: int, hidden: FolderSet
    ) -> None:
        self._context = context
        self._actor = actor
        self._top = endpoint
        self._since_us = since_us
        self._hidden = hidden

    def steps(self) -> Iterator[Verification]:
        """`IStore.verify`. Files are read first, and then versions."""
        node = names_table.find(self._context.database, self._context.share.root, self._top.parts)
        found = False
        for endpoint, each in self._files(node):
            found = True
            yield from self._verify(endpoint, each)
        share = self._context.share.id
        for version in versions.beneath(self._context.database, share, self._top.parts, hidden=self._hidden):
            found = True
            yield from self._verify(Endpoint(path_names(version.path), self._top.home), version)
        if not found and node is None:
            raise wording.not_found(self._top)

    def _files(self, node: NodeRow | None) -> Iterator[tuple[Endpoint, NodeRow]]:
        if node is None or self._hidden.covers(self._top.parts):
            return
        if not node.directory:
            yield self._top, node
            return
        for names, each in TreeReader(self._context.database, NODES).tree(node.id, self._top.parts, self._hidden):
            if not each.directory:
                yield Endpoint(names, self._top.home), each

    def _verify(self, endpoint: Endpoint, file: NodeRow | VersionRow) -> Iterator[Verification]:
        if self._since_us == ONLY_MARKED and not file.damaged:
            return
        if 0 < self._since_us <= file.checked_us:
            return
        hasher, read = Hasher(), 0
        for piece in self._pieces(file):
            if piece is None:
                break
            hasher.update(piece)
            read += len(piece)
            if read >= SLICE:
                yield Verification(size=read)
                read = 0
        else:
            piece = b""
        found = UNREADABLE if piece is None else hasher.hash()
        is_version = isinstance(file, VersionRow)
        done = Verification(size=read, files=int(not is_version), versions=int(is_version))
        if found == file.hash:
            damages.checked(self._context.database, self._context.share.id, file)
            yield done
            return
        if not self._mark(endpoint, file, found):
            yield done  # it was changed meanwhile
            return
        name = "/".join(endpoint.parts[len(self._top.parts) :])
        at_us = file.at_us if isinstance(file, VersionRow) else None
        mended = yield from self._mend(endpoint, structs.replace(file, found=found))
        damage = Damage(name, "content" if found else "unreadable", file.hash, at_us, mended=mended)
        yield structs.replace(done, damages=(damage,))

    def _pieces(self, file: FileRow) -> Iterator[bytes | None]:
        """The bytes of a content, and None where some of them cannot be read."""
        if file.content is None:
            return
        stored = StoredContent(self._context.bucket, contents.parts(self._context.database, file.content))
        if stored.size != file.size:
            yield None
            return
        try:
            yield from (stored.read(offset, SLICE) for offset in range(0, stored.size, SLICE))
        except ObjectMissing:
            yield None

    def _mark(self, endpoint: Endpoint, file: NodeRow | VersionRow, found: str) -> bool:
        """Mark a damaged content, durably; whether it is still there."""

        def work(committer: ClusterCommitter) -> bool:
            workspace = committer.workspace
            if not damages.mark(workspace.transaction, self._context.share.id, file, found):
                return False
            if not file.damaged:
                kind = "version" if isinstance(file, VersionRow) else "file"
                workspace.changes.append(Change("damage", kind, endpoint, SERVER, size=file.size, hash=file.hash))
            return True

        return change(self._context, [endpoint], work)

    # -- mending -------------------------------------------------------------------

    def _mend(self, endpoint: Endpoint, file: NodeRow | VersionRow) -> Generator[Verification, None, bool]:
        """Give a damaged content back what it had, from another content in the store, which is read in steps."""
        since_us = contents.now_us(self._context.database)
        parts = yield from self._copy(endpoint, file)
        if parts is None:
            return False

        def work(committer: ClusterCommitter) -> bool:
            workspace = committer.workspace
            workspace.offer({}, since_us)
            if isinstance(file, VersionRow):
                number = workspace.add_content(parts)
                if not damages.mend(workspace.transaction, self._context.share.id, file, number):
                    return False
                if file.content is not None:
                    workspace.drop(file.content)
                workspace.changes.append(Change("mend", "version", endpoint, MENDER, size=file.size, hash=file.hash))
                return True
            node = workspace.get(endpoint)
            if node is None or node.content != file.content:
                return False
            new = structs.replace(node, id=workspace.number(), tag=workspace.number(), found=None)
            committer.place(endpoint, new, lambda: workspace.add_content(parts), file.hash, MENDER)
            return True

        return change(self._context, [endpoint], work, [MENDER])

    def _copy(
        self, endpoint: Endpoint, file: NodeRow | VersionRow
    ) -> Generator[Verification, None, Sequence[ContentPart] | None]:
        """The parts of a sound content with the hash, of the file itself for an actor that does not see everything."""
        database, share = self._context.database, self._context.share
        mine = {part.object for part in contents.parts(database, file.content)}
        for copy in damages.copies(database, share.id, file.hash or ""):
            if copy.content == file.content or not (self._actor.sees_all or self._is_of(copy, endpoint)):
                continue
            parts = contents.parts(database, copy.content)
            if mine.isdisjoint(part.object for part in parts) and (yield from self._is_sound(parts, file)):
                return parts
        return None

    def _is_of(self, copy: Copy, endpoint: Endpoint) -> bool:
        names = copy.names
        if names is None and copy.node is not None:
            names = damages.path_of(self._context.database, self._context.share, copy.node)
        return names == endpoint.parts

    def _is_sound(self, parts: Sequence[ContentPart], file: FileRow) -> Generator[Verification, None, bool]:
        stored, hasher = StoredContent(self._context.bucket, parts), Hasher()
        try:
            for offset in range(0, stored.size, SLICE):
                hasher.update(stored.read(offset, SLICE))
                yield Verification()
        except ObjectMissing:
            return False
        return hasher.hash() == file.hash
