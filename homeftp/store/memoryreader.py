"""The reading half of `MemoryStore`: what exists, what it holds, and which versions there are."""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.interfaces.store import IOpenFile, StoreOptions
from homeftp.model import Damage, Entry, ListingPage, Version
from homeftp.store.buffers import BytesFile
from homeftp.store.memorytree import MemoryTree, Node, sort
from homeftp.store.policy import limits, wording
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import entry_cost, listing_pages, paged


class MemoryReader:
    """Reads a `MemoryTree`, as `IStore` describes it."""

    def __init__(self, options: StoreOptions, clock: Callable[[], int]) -> None:
        self._tree = MemoryTree(options, clock)
        self._limits = limits.WriteLimits(Filetypes(options.filetypes), options.file_size)

    def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
        """A folder has one name."""
        return (folder,)

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint; None where nothing exists."""
        node = self._find(endpoint)
        return None if node is None else node.entry()

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        return [catch(self.stat, endpoint) for endpoint in endpoints]

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        return self._open(endpoint, -1)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        return [catch(self._open, endpoint, inline) for endpoint in endpoints]

    def _open(self, endpoint: Endpoint, inline: int) -> IOpenFile:
        node = self._sound_file(endpoint)
        return BytesFile(node.entry(), node.content, inline)

    def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All entries beneath a directory: no digests are known."""
        return self.list(endpoint, True, hidden)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries as they were at the first step, page by page."""
        with self._tree.lock:
            if self._existing(endpoint).kind == "file":
                raise wording.not_a_directory(endpoint)
            depth = len(endpoint.parts)
            beneath = [names for names in self._tree.beneath(endpoint.parts) if not hidden.covers(names)]
            found = [(names[depth:], self._tree.nodes[names]) for names in beneath]
        yield from listing_pages(
            self._item("/".join(below), node) for below, node in found if recursive or not below[1:]
        )

    def _item(self, name: str, node: Node) -> Entry | tuple[str, str]:
        problem = self._limits.filetypes.problem(name) if node.kind == "file" else None
        return node.entry(name) if problem is None else (name, problem)

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of a file, or of all beneath a directory, page by page."""
        with self._tree.lock:
            depth = len(endpoint.parts)
            found = [
                node.version("/".join(names[depth:]), at_us)
                for names in sort(each for each in self._tree.versions if each[:depth] == endpoint.parts)
                for at_us, node in sorted(self._tree.versions[names].items(), reverse=True)
                if self._limits.filetypes.problem(names[-1]) is None and not hidden.covers(names)
            ]
        yield from paged(found, lambda version: entry_cost(version.name))

    def _find(self, endpoint: Endpoint) -> Node | None:
        """The node at an endpoint; raises `FiletypeNotAllowed` (42) for a file that the owner does not allow."""
        with self._tree.lock:
            node = self._tree.nodes.get(endpoint.parts)
        if node is None:
            self._limits.filetypes.check_absent(endpoint)
        elif node.kind == "file":
            self._limits.filetypes.check(endpoint)
        return node

    def _existing(self, endpoint: Endpoint) -> Node:
        node = self._find(endpoint)
        if node is None:
            raise wording.not_found(endpoint)
        return node

    def damaged(self) -> Sequence[Damage]:
        """All files that are marked as damaged."""
        with self._tree.lock:
            return [
                Damage("/".join(names), "content", node.hash, at_us)
                for names, at_us, node in self._tree.contents()
                if node.damaged
            ]

    def _sound_file(self, endpoint: Endpoint) -> Node:
        """A file whose content may be used; raises `Damaged` (46)."""
        node = self._file(endpoint)
        if node.damaged:
            raise wording.damaged(endpoint)
        return node

    def _file(self, endpoint: Endpoint) -> Node:
        node = self._existing(endpoint)
        if node.kind == "directory":
            raise wording.is_directory(endpoint)
        return node
