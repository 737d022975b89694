"""A store in memory: the reference implementation of `IStore`, and the backend for tests.

It supports every capability and honours every policy in the simplest way:
under one lock, each change first checks everything that can refuse it, then is
made, then is recorded. Nothing survives the process.
"""

from __future__ import annotations

import copy
import time
from functools import partial
from typing import Callable, Generator, Iterator, Sequence

import attrs
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import IDraft, IStore, IUpload, SpaceReport, StoreOptions
from homeftp.model import (
    MENDER,
    SERVER,
    Actor,
    Capabilities,
    Change,
    Damage,
    Entry,
    ResumePoint,
    Verification,
    WriteRequest,
)
from homeftp.store.buffers import BytesDraft, BytesUpload
from homeftp.store.memorycommitter import Report
from homeftp.store.memorytree import Node
from homeftp.store.memoryversions import MemoryVersions
from homeftp.store.policy import limits, wording
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import check_directory, check_directory_move, check_replaceable

REMOVED_AT_ONCE = 256
"""Files that `remove` removes in one step."""


def _now_us() -> int:
    return time.time_ns() // 1000


@implementer(IStore)
class MemoryStore(MemoryVersions):
    """Files in memory, with every capability. `clock` tells the time in microseconds since 1970."""

    def __init__(
        self, options: StoreOptions | None = None, *, read_only: str | None = None, clock: Callable[[], int] = _now_us
    ) -> None:
        options = options or StoreOptions()
        super().__init__(options, clock, read_only)
        self.capabilities = Capabilities(
            resume=True,
            versions=self._keeps_versions,
            metadata=True,
            atomic_directory_move=True,
            similar_names=not options.similar_names,
            edit=True,
            copy=True,
            verify=True,
            quota=options.quota is not None,
            account_quotas=True,
        )

    def bind(self, actor: Actor) -> MemoryStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""
        bound = copy.copy(self)
        bound._actor = actor
        return bound

    # -- reading (the rest is in `MemoryReader`) -----------------------------------

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content arrived earlier from the bound actor's account."""
        with self._tree.lock:
            content = self._tree.arrived(endpoint, hash, size, mtime_us, self._actor.owner)
        return ResumePoint(len(content), hash_bytes(content)) if content else None

    def space(self) -> SpaceReport:
        """The space that the quotas leave; not known without one."""
        with self._tree.lock:
            return self._tree.space(self._actor)

    # -- writing contents ----------------------------------------------------------

    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""
        self._begin(request)
        owner = self._actor_of(request).owner
        with self._tree.lock:
            arrived = self._tree.arrived(request.endpoint, request.hash, request.size, request.mtime_us, owner)
        if len(arrived) < request.offset:
            raise Changed(f"less of {wording.display_path(request.endpoint)} arrived earlier: compare again")
        return BytesUpload(
            request,
            arrived[: request.offset],
            check_size=partial(self._check_size, request),
            commit=partial(self._put, request),
            suspend=partial(self._suspend, request, owner),
        )

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files and make directories, one after the other."""
        return [
            catch(self.make_directory, request) if content is None else catch(self._put, request, content, request.hash)
            for request, content in requests
        ]

    def edit(self, request: WriteRequest) -> IDraft:
        """Begin to change a file's content at any offset."""
        request = structs.replace(request, size=None, hash=None, offset=0)
        node = self._begin(request)
        if node is not None and request.mode is None:
            request = structs.replace(request, mode=node.mode)
        if node is not None and node.damaged and not request.empty:
            raise wording.damaged(request.endpoint)

        def commit(content: bytes, mtime_us: int | None, mode: int | None) -> Entry:
            return self._put(request.with_metadata(mtime_us, mode), content, None)

        return BytesDraft(
            b"" if node is None or request.empty else node.content,
            check_size=partial(self._check_size, request),
            commit=commit,
        )

    def _begin(self, request: WriteRequest) -> Node | None:
        """Refuse what can be refused early; returns the current file."""
        self._check_writable()
        self._limits.check(request)
        with self._tree.lock:
            check_replaceable(request.endpoint, self._tree.entry(request.endpoint), request.precondition)
            self._reserve(request, request.size or 0)
            return self._tree.nodes.get(request.endpoint.parts)

    def _check_size(self, request: WriteRequest, size: int) -> None:
        self._limits.check_size(request.endpoint, size)
        with self._tree.lock:
            self._reserve(request, size)

    def _reserve(self, request: WriteRequest, size: int) -> None:
        """See whether a file of `size` bytes would fit. Removes nothing."""
        cost = self._tree.cost(request.endpoint, size)
        self._tree.reserve(request.endpoint, cost, self._actor_of(request), arrived=False)

    def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
        """Put a content in place: every write ends here."""
        hash = hash_bytes(content)
        self._limits.check(request if request.offset else structs.replace(request, size=len(content)))
        limits.check_content(request, len(content), hash, declared)
        with self._changing() as changed:
            old = self._tree.nodes.get(request.endpoint.parts)
            if request.mode is None and old is not None:
                request = structs.replace(request, mode=old.mode)
            node = self._tree.new("file", request, content, hash)
            actor, keeps = self._actor_of(request), request.keeps_empty
            self._place(request.endpoint, node, request.precondition, actor, changed, keeps_empty=keeps)
            self._tree.drop_partials(request, self._actor_of(request).owner)
        return node.entry()

    def _suspend(self, request: WriteRequest, owner: str | None, content: bytes) -> None:
        with self._tree.lock:
            self._tree.keep_partial(request, owner, content)

    # -- changing the tree ---------------------------------------------------------

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory and its missing parents; one that exists gets the metadata."""
        request = limits.directory_request(request)
        endpoint, actor = request.endpoint, self._actor_of(request)
        with self._changing() as changed:
            check_directory(endpoint, self._tree.kind(endpoint), request.precondition)
            self._make_directories(endpoint, actor, changed)
            if request.mtime_us is not None or request.mode is not None:
                self._set_metadata(endpoint, request.mtime_us, request.mode, actor, changed)
            return self._tree.nodes[endpoint.parts].entry()

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Change mtime and mode; None leaves the value."""
        limits.check_mtime(mtime_us)
        limits.check_not_top(endpoint)
        with self._changing() as changed:
            if self._source(endpoint, precondition).damaged:
                raise wording.damaged(endpoint)
            return self._set_metadata(endpoint, mtime_us, mode, self._actor, changed)

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """`set_metadata` for several, one after the other."""
        return [
            catch(
                self.bind(self._actor_of(each)).set_metadata,
                each.endpoint,
                mtime_us=each.mtime_us,
                mode=each.mode,
                precondition=each.precondition,
            )
            for each in requests
        ]

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Copy a file's content, mtime and mode."""
        limits.check_copy(source, target)
        self._limits.check(WriteRequest(endpoint=target))
        with self._changing() as changed:
            self._sound_file(source)
            node = self._source(source, source_precondition)
            node = attrs.evolve(node, tag=self._tree.tag(), made_us=self._tree.now_us())
            self._place(target, node, target_precondition, self._actor, changed)
        yield node.entry()

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""
        limits.check_move(source, target)
        with self._changing() as changed:
            node = self._source(source, source_precondition)
            if node.kind == "directory":
                self._move_directory(source, target, target_precondition, changed)
            else:
                self._limits.filetypes.check(target)
                node = attrs.evolve(node, tag=self._tree.tag())
                self._place(target, node, target_precondition, self._actor, changed, source=source)
            return self._tree.nodes[target.parts].entry()

    def _move_directory(self, source: Endpoint, target: Endpoint, precondition: str | None, changed: Report) -> None:
        check_directory_move(source, target, target.parts in self._tree.nodes, precondition)
        limits.check_path(target, *self._tree.reach(source))
        self._tree.check_name(target, moved_from=source)
        self._make_directories(target.parent, self._actor, changed)
        self._tree.rename(source, target)
        changed(Change("move", "directory", source, self._actor, target))

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""
        limits.check_removable(endpoint)
        with self._changing():
            self._source(endpoint, precondition)
            below = self._tree.beneath(endpoint.parts)
            if below and not recursive:
                raise wording.not_empty(endpoint)
            files = [names for names in [endpoint.parts, *below] if self._tree.nodes[names].kind == "file"]
            folders = [names for names in [endpoint.parts, *below] if self._tree.nodes[names].kind == "directory"]
        at_us = self._tree.now_us()  # of all of them
        steps = [files[start : start + REMOVED_AT_ONCE] for start in range(0, len(files), REMOVED_AT_ONCE)]
        steps += [[names] for names in sorted(folders, key=len, reverse=True)]
        for step in steps:
            with self._changing() as changed:
                removed = sum(self._remove(Endpoint(names, endpoint.home), changed, at_us) for names in step)
            yield removed

    # -- integrity -----------------------------------------------------------------

    def damage(self, endpoint: Endpoint, content: bytes) -> None:
        """Have another content, as if the disk had not kept it: for tests."""
        with self._tree.lock:
            self._tree.nodes[endpoint.parts] = attrs.evolve(self._file(endpoint), content=content)

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Hash every content again; `since_us` is ignored."""
        with self._tree.lock:
            contents = self._tree.contents()
        top = endpoint.parts
        beneath = [each for each in contents if each[0][: len(top)] == top and not hidden.covers(each[0])]
        if not beneath:
            self._existing(endpoint)
        for names, at_us, node in beneath:
            read = Verification(size=len(node.content), files=at_us is None, versions=at_us is not None)
            if not node.is_sound:
                damage = Damage("/".join(names[len(top) :]), "content", node.hash, at_us)
                damage = structs.replace(damage, mended=self._damaged(Endpoint(names), at_us, node))
                read = structs.replace(read, damages=(damage,))
            yield read

    def _damaged(self, endpoint: Endpoint, at_us: int | None, node: Node) -> bool:
        """Mark a damaged content, and mend it from a copy. Whether that was done."""
        marked = attrs.evolve(node, damaged=True)
        kind = "file" if at_us is None else "version"
        with self._tree.lock, self._log.changing() as changed:
            if at_us is not None:
                self._tree.versions[endpoint.parts][at_us] = marked
            elif self._tree.nodes.get(endpoint.parts) is node:
                self._tree.nodes[endpoint.parts] = marked
            else:
                return False
            if not node.damaged:
                changed(Change("damage", kind, endpoint, SERVER, size=len(node.content), hash=node.hash))
            copy = next(self._copies(endpoint, node), None)
            if copy is None or self.read_only is not None:
                return False
            mended = attrs.evolve(node, content=copy.content, damaged=False, tag=self._tree.tag())
            if at_us is None:
                self._place(endpoint, mended, node.hash, MENDER, changed)
            else:
                self._tree.versions[endpoint.parts][at_us] = mended
                changed(Change("mend", "version", endpoint, MENDER, size=len(mended.content), hash=mended.hash))
        return True

    def _copies(self, endpoint: Endpoint, damaged: Node) -> Iterator[Node]:
        """The files with the content of a damaged one: only itself for an actor that does not see everything."""
        for names, _, node in self._tree.contents():
            if node.hash == damaged.hash and node.is_sound and (self._actor.sees_all or names == endpoint.parts):
                yield node

    def maintain(self) -> None:
        """Remove versions and partial uploads that were kept long enough."""
        with self._tree.lock:
            self._tree.expire()

    def close(self) -> None:
        """Record what could not be recorded yet; raises `UnrecordedChanges`."""
        self._log.close()
