"""The reading half of the cluster store: what exists, what it holds, and which versions there are."""

from __future__ import annotations

from typing import Iterator, Sequence

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.interfaces.store import IOpenFile
from homeftp.model import Damage, Entry, ListingPage, Version
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import LISTED, ListedRow, NodeRow, path_names
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.reading.opened import open_contents
from homeftp.store.cluster.tables import damages, versions
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.policy import wording
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import entry_cost, listing_pages, paged


class ClusterReader:
    """Reads a share, as `IStore` describes it."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._filetypes = context.limits.filetypes

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`IStore.stat_many`, with one statement."""
        found = names_table.walk(
            self._context.database, self._context.share.root, sorted({each.parts for each in endpoints})
        )
        return [catch(self._served, each, found.get(each.parts)) for each in endpoints]

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint; None where nothing exists."""
        node = self.find(endpoint)
        return None if node is None else node.entry()

    def find(self, endpoint: Endpoint) -> NodeRow | None:
        """The row at an endpoint; raises `FiletypeNotAllowed` (42) for a file that the owner does not allow."""
        node = names_table.find(self._context.database, self._context.share.root, endpoint.parts)
        self._served(endpoint, node)
        return node

    def _served(self, endpoint: Endpoint, node: NodeRow | None) -> Entry | None:
        if node is None:
            self._filetypes.check_absent(endpoint)
            return None
        if not node.directory:
            self._filetypes.check(endpoint)
        return node.entry()

    def existing(self, endpoint: Endpoint) -> NodeRow:
        """The row at an endpoint; raises `NotFound` (40) where there is none."""
        node = self.find(endpoint)
        if node is None:
            raise wording.not_found(endpoint)
        return node

    # -- contents ------------------------------------------------------------------

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`IStore.open_many`: the parts of all with one statement, and small contents together from each object."""
        asked = sorted({each.parts for each in endpoints})

        def find() -> Sequence[tuple[NodeRow, Entry] | Exception]:
            found = names_table.walk(self._context.database, self._context.share.root, asked)
            rows = [catch(self._sound, each, found.get(each.parts)) for each in endpoints]
            return [each if isinstance(each, Exception) else (each, each.entry()) for each in rows]

        return open_contents(self._context.database, self._context.bucket, find, inline)

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        (file,) = self.open_many([endpoint], -1)
        if isinstance(file, Exception):
            raise file
        return file

    def _sound(self, endpoint: Endpoint, node: NodeRow | None) -> NodeRow:
        """A file whose content may be used; raises `NotFound` (40), `WrongKind` (43) and `Damaged` (46)."""
        self._served(endpoint, node)
        if node is None:
            raise wording.not_found(endpoint)
        if node.directory:
            raise wording.is_directory(endpoint)
        if node.damaged:
            raise wording.damaged(endpoint)
        return node

    # -- listings ------------------------------------------------------------------

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, page by page."""
        node = self.existing(endpoint)
        if not node.directory:
            raise wording.not_a_directory(endpoint)
        reader, depth = TreeReader(self._context.database, LISTED), len(endpoint.parts)
        if recursive:
            found = reader.tree(node.id, endpoint.parts, hidden)
            yield from listing_pages(self._item("/".join(names[depth:]), each) for names, each in found)
        else:
            children = reader.children(node.id, endpoint.parts, hidden)
            yield from listing_pages(self._item(each.name, each) for each in children)

    def _item(self, name: str, node: ListedRow) -> Entry | tuple[str, str]:
        problem = None if node.directory else self._filetypes.problem(name)
        return node.entry(name) if problem is None else (name, problem)

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of a file, or of all beneath a directory, page by page."""
        found = (
            each.version(endpoint)
            for each in versions.beneath(self._context.database, self._context.share.id, endpoint.parts, hidden=hidden)
            if self._filetypes.problem(path_names(each.path)[-1]) is None
        )
        yield from paged(found, lambda version: entry_cost(version.name))

    def damaged(self) -> Sequence[Damage]:
        """All files that are marked as damaged."""
        return damages.marked(self._context.database, self._context.share)
