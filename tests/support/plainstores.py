"""Stores without capabilities: they are right, and can do less than `MemoryStore`."""

from __future__ import annotations

import contextlib
from typing import Iterable, Iterator

import attrs
from msgspec import structs

from homeftp.config import Retention
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.interfaces.store import IDraft, StoreOptions
from homeftp.model import Capabilities, Entry, ResumePoint, Verification, Version, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import Node
from homeftp.store.policy import limits, wording
from homeftp.store.simple import Path, SimpleStore


class _PlainNode(Node):
    """What exists, without a time and a mode."""

    def entry(self, name: str = "") -> Entry:
        return structs.replace(super().entry(name), mtime_us=None, mode=None)

    def version(self, name: str, at_us: int) -> Version:
        return attrs.evolve(super().version(name, at_us), mtime_us=None, mode=None)


def _plain(node: Node) -> Node:
    return _PlainNode(node.kind, node.mtime_us, node.mode, node.tag, node.content, node.hash)


class NoMetadata(MemoryStore):
    """A store that keeps neither times nor modes, and has every other capability."""

    def __init__(self, options: StoreOptions | None = None) -> None:
        """Make all that exists without them."""
        super().__init__(options)
        self.capabilities = structs.replace(self.capabilities, metadata=False)
        new = self._tree.new
        self._tree.nodes[()] = _plain(self._tree.nodes[()])
        self._tree.new = lambda *args: _plain(new(*args))  # type: ignore[method-assign]

    def make_directory(self, request: WriteRequest) -> Entry:
        """Without the metadata."""
        request = limits.directory_request(request)
        return super().make_directory(structs.replace(request, mtime_us=None, mode=None))

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Refused."""
        raise wording.unsupported("change times and modes")


class PlainStore(NoMetadata):
    """A store without any capability."""

    def __init__(self, options: StoreOptions) -> None:
        """Leave out what the options ask for beyond it."""
        super().__init__(structs.replace(options, quota=None, similar_names=True, retention=Retention(seconds=0)))
        self.capabilities = Capabilities()

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """None: nothing is kept of an upload that was interrupted."""
        return None

    def _suspend(self, request: WriteRequest, account: str | None, content: bytes) -> None:
        pass

    def edit(self, request: WriteRequest) -> IDraft:
        """Refused."""
        raise wording.unsupported("change files at an offset")

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Refused."""
        raise wording.unsupported("copy files")

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Refused."""
        raise wording.unsupported("verify what it holds")


class DictStore(SimpleStore):
    """A store over a dictionary of paths and contents; a directory has no content."""

    def __init__(self, options: StoreOptions) -> None:
        super().__init__(options)
        self.nodes: dict[Path, bytes | None] = {}

    def paths(self) -> Iterable[Path]:
        """All paths."""
        return self.nodes

    def load(self, path: Path) -> bytes | None:
        """The content at a path."""
        return self.nodes[path]

    def save(self, path: Path, content: bytes | None) -> None:
        """Put a content, or a directory, at a path."""
        self.nodes[path] = content

    def delete(self, path: Path) -> None:
        """Remove what is at a path."""
        del self.nodes[path]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Take the changes back where one raises."""
        before = dict(self.nodes)
        try:
            yield
        except BaseException:
            self.nodes.clear()
            self.nodes.update(before)
            raise
