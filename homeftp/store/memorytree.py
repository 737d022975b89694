"""The content of a `MemoryStore`: files and directories, versions, partial uploads, and the space for them.

One dictionary from the names of an endpoint to what exists there; its values
never change, so that each is a snapshot. Whether something may be changed, and
what is recorded, is decided in `homeftp.store.memory`.
"""

from __future__ import annotations

import itertools
from functools import partial
from threading import RLock
from typing import Callable, Iterator

import attrs
from msgspec import structs

from homeftp.config import NAME_COST, PARTIAL_UPLOAD_SECONDS
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import NoSpace
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.timeline import Restoration
from homeftp.interfaces.store import SpaceReport, StoreOptions
from homeftp.metadata.modes import kept_mode
from homeftp.model import SECOND_US, Actor, Entry, Kind, Version, WriteRequest
from homeftp.store.policy import similarnames, wording
from homeftp.store.policy.disclosure import account_space, declarable

Names = tuple[str, ...]


@attrs.frozen
class Node:
    """A file or a directory. `tag` is another one whenever anything about it changes."""

    kind: Kind
    mtime_us: int
    mode: int
    tag: str
    content: bytes = b""
    hash: str | None = None
    damaged: bool = False
    """Whether `verify` has found that the content does not have the hash."""
    made_us: int | None = None
    """When it was made, whatever name it has had since."""

    def entry(self, name: str = "") -> Entry:
        """The node as callers of the store see it."""
        entry = Entry(name, self.kind, len(self.content), self.mtime_us, self.mode, self.hash, self.tag)
        return structs.replace(entry, hash=None, damaged=self.hash or "") if self.damaged else entry

    @property
    def is_sound(self) -> bool:
        """Whether the content has the hash."""
        return self.hash == hash_bytes(self.content)

    def version(self, name: str, at_us: int) -> Version:
        """The node as a version of that time."""
        return Version(name, at_us, len(self.content), self.mtime_us, self.mode, self.hash, self.made_us)


@attrs.frozen
class PartialContent:
    """The arrived part of an upload that was suspended."""

    request: WriteRequest
    owner: str | None
    """The account that began it, by `Actor.owner`: no other account learns of it."""
    content: bytes
    at_us: int

    def fits(self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None) -> bool:
        """Whether it may be the beginning of that content: by the hash where both are known, else by size and time."""
        if endpoint != self.request.endpoint:
            return False
        if hash is not None and self.request.hash is not None:
            return hash == self.request.hash
        return None not in (size, mtime_us) and (size, mtime_us) == (self.request.size, self.request.mtime_us)


class MemoryTree:
    """Everything that one store holds. Read and change it under `lock`."""

    def __init__(self, options: StoreOptions, clock: Callable[[], int]) -> None:
        self._options = options
        self.now_us = clock
        """Gives the time now: microseconds since 1970."""
        self._tags = itertools.count(1)
        self.lock = RLock()
        self.nodes: dict[Names, Node] = {(): self.new("directory", WriteRequest(endpoint=ROOT))}
        self.versions: dict[Names, dict[int, Node]] = {}
        """By endpoint, and by the time at which they were replaced or removed."""
        self.restored: dict[Names, list[Restoration]] = {}
        """By endpoint, what was put back, the oldest first."""
        self._partials: list[PartialContent] = []

    def new(self, kind: Kind, request: WriteRequest, content: bytes = b"", hash: str | None = None) -> Node:
        """A node with a request's metadata, or with that of new ones."""
        now_us = self.now_us()
        mtime_us = now_us if request.mtime_us is None else request.mtime_us
        mode = (0o644 if kind == "file" else 0o755) if request.mode is None else request.mode
        return Node(kind, mtime_us, kept_mode(kind, mode), self.tag(), content, hash, made_us=now_us)

    def tag(self) -> str:
        """A tag that nothing had before."""
        return str(next(self._tags))

    # -- names ---------------------------------------------------------------------

    def beneath(self, names: Names) -> list[Names]:
        """The names beneath a directory, sorted as a listing is: each directory is followed by its content."""
        return sort(each for each in self.nodes if len(each) > len(names) and each[: len(names)] == names)

    def reach(self, endpoint: Endpoint) -> tuple[int, int]:
        """The bytes of the longest path beneath a directory, with the / before it, and the parts of the deepest one."""
        start, depth = len(endpoint.whole.encode()), len(endpoint.parts)
        beneath = [Endpoint(each) for each in self.beneath(endpoint.parts)]
        longest = max((len(each.whole.encode()) - start for each in beneath), default=0)
        return longest, max((len(each.parts) - depth for each in beneath), default=0)

    def entry(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint, for preconditions."""
        node = self.nodes.get(endpoint.parts)
        return None if node is None else node.entry()

    def kind(self, endpoint: Endpoint) -> Kind | None:
        """The kind of what exists there."""
        node = self.nodes.get(endpoint.parts)
        return None if node is None else node.kind

    def contents(self) -> list[tuple[Names, int | None, Node]]:
        """Every file, and every version with its time."""
        found: list[tuple[Names, int | None, Node]] = []
        found += ((names, None, node) for names, node in self.nodes.items() if node.kind == "file")
        found += ((names, at_us, node) for names, kept in self.versions.items() for at_us, node in kept.items())
        return found

    def missing(self, endpoint: Endpoint) -> list[Endpoint]:
        """The directories that are missing on the way to a directory, and it; raises `WrongKind` (43) for a file."""
        way = [endpoint.first(depth) for depth in range(1, len(endpoint.parts) + 1)]
        files = [each for each in way if each.parts in self.nodes and self.nodes[each.parts].kind == "file"]
        if files:
            raise wording.not_a_directory(endpoint, files[0])
        return [each for each in way if each.parts not in self.nodes]

    def rename(self, source: Endpoint, target: Endpoint) -> None:
        """Give a directory, with all beneath it, another name."""
        for names in [source.parts, *self.beneath(source.parts)]:
            self.nodes[target.parts + names[len(source.parts) :]] = self.nodes.pop(names)

    def set_metadata(self, endpoint: Endpoint, mtime_us: int | None, mode: int | None) -> Node:
        """Change mtime and mode where they are given."""
        node = attrs.evolve(self.nodes[endpoint.parts], tag=self.tag())
        if mtime_us is not None:
            node = attrs.evolve(node, mtime_us=mtime_us)
        if mode is not None:
            node = attrs.evolve(node, mode=kept_mode(node.kind, mode))
        self.nodes[endpoint.parts] = node
        return node

    def check_name(self, endpoint: Endpoint, *, moved_from: Endpoint | None = None) -> None:
        """Raise `BadEndpoint` (41) for a new name that is too similar to a sibling's, other than `moved_from`."""
        if self._options.similar_names:
            return
        folder, depth = endpoint.parts[:-1], len(endpoint.parts)
        taken = None if moved_from is None else moved_from.parts
        near = [names for names in self.nodes if len(names) == depth and names[:-1] == folder and names != taken]
        similarnames.check(endpoint.name, [names[-1] for names in near])

    # -- versions ------------------------------------------------------------------

    def keep_version(self, endpoint: Endpoint, node: Node, at_us: int | None = None) -> None:
        """Keep a file that is replaced or removed, now or at that time, as a version, unless none are kept."""
        if self._options.retention.seconds > 0:
            kept = self.versions.setdefault(endpoint.parts, {})
            kept[max(self.now_us() if at_us is None else at_us, self._last_us(endpoint.parts) + 1)] = node

    def keep_restoration(self, endpoint: Endpoint, version_us: int, *, replaced: bool) -> None:
        """Keep that the version of a time was put back just now, or right after the file that it replaced was."""
        next_us = max(version_us, self._last_us(endpoint.parts)) + 1
        at_us = next_us if replaced else max(self.now_us(), next_us)
        self.restored.setdefault(endpoint.parts, []).append(Restoration(at_us, version_us))

    def _last_us(self, names: Names) -> int:
        """The last time at which something was replaced, removed or put back there; 0 where nothing was."""
        restored = self.restored.get(names)
        return max(max(self.versions.get(names, {}), default=0), restored[-1].at_us if restored else 0)

    def expire(self) -> None:
        """Drop versions and partial uploads that were kept long enough."""
        now = self.now_us()
        before_us = now - self._options.retention.seconds * SECOND_US
        for at_us, names in self._oldest():
            if at_us < before_us:
                self.versions[names].pop(at_us)
        for names, restored in list(self.restored.items()):
            self.restored[names] = [each for each in restored if each.at_us >= before_us]
        self._partials[:] = [each for each in self._partials if each.at_us >= now - PARTIAL_UPLOAD_SECONDS * SECOND_US]

    def _oldest(self) -> list[tuple[int, Names]]:
        """All versions, the oldest first."""
        return sorted((at_us, names) for names, kept in self.versions.items() for at_us in kept)

    # -- partial uploads -----------------------------------------------------------

    def arrived(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None, owner: str | None
    ) -> bytes:
        """The most that arrived of that content earlier, from that owner."""
        own = [each for each in self._partials if each.owner == owner]
        fitting = [each.content for each in own if each.fits(endpoint, hash, size, mtime_us)]
        return max(fitting, key=len, default=b"")

    def keep_partial(self, request: WriteRequest, owner: str | None, content: bytes) -> None:
        """Keep what arrived of an owner's upload, so that it can be continued."""
        self.drop_partials(request, owner)
        self._partials.append(PartialContent(request, owner, content, self.now_us()))

    def drop_partials(self, request: WriteRequest, owner: str | None) -> None:
        """Forget what arrived of the same content from that owner."""
        content = (request.endpoint, request.hash, request.size, request.mtime_us)
        self._partials[:] = [each for each in self._partials if each.owner != owner or not each.fits(*content)]

    # -- space: bytes are those that a quota counts --------------------------------

    def cost(self, endpoint: Endpoint, size: int) -> int:
        """The bytes that a file of `size` counts for, and the directories that are missing on the way to it."""
        return _cost(size) + _cost(0) * len(self.missing(endpoint.parent))

    def space(self, actor: Actor) -> SpaceReport:
        """The space that the quotas leave to an actor; not known without one."""
        allotment, quota = actor.allotment, self._options.quota
        shared = [] if quota is None else [SpaceReport(free=quota - self._used(), used=self._used())]
        own = None
        if allotment is not None and allotment.quota is not None:
            used = self._used(allotment.home.parts)
            own = SpaceReport(free=allotment.quota - used, used=used)
        return account_space(shared, own, actor)

    def reserve(self, endpoint: Endpoint, size: int, actor: Actor, *, arrived: bool = True) -> None:
        """Free space for `size` bytes of an actor, within its quota and that of the store.

        The oldest versions go, as far as they are not protected, and then
        partial uploads of the same account; nothing goes where that is not
        enough, or for what has not arrived. Raises `NoSpace` (52).
        """
        allotment, quota = actor.allotment, self._options.quota
        if allotment is not None and allotment.quota is not None:
            home = allotment.home.parts
            left = allotment.quota - self._used(home)
            refused = partial(wording.over_quota, endpoint, allotment.quota, size, left if actor.sees_home else None)
            self._free(size, left, actor, refused, home=home, any_age=allotment.may_discard, arrived=arrived)
        if quota is not None:
            left = quota - self._used()
            refused = partial(wording.over_store_quota, endpoint, size, left if actor.sees_all else None)
            self._free(size, left, actor, refused, home=None, any_age=False, arrived=arrived)

    def _free(
        self,
        size: int,
        left: int,
        actor: Actor,
        refused: Callable[[], NoSpace],
        *,
        home: Names | None,
        any_age: bool,
        arrived: bool,
    ) -> None:
        """Remove what `size` bytes of an actor need beyond what a quota leaves: that of a home, or of the store."""
        protected_us = 0 if any_age else self._options.retention.protected_seconds * SECOND_US
        versions = [
            (at_us, names)
            for at_us, names in self._oldest()
            if _is_in(names, home or ()) and at_us <= self.now_us() - protected_us
        ]
        partials = [each for each in self._partials if each.owner == actor.owner]
        most = left + sum(_cost(len(self.versions[names][at_us].content)) for at_us, names in versions)
        most += sum(_cost(len(each.content)) for each in partials)
        if size > (most if arrived else declarable(most, actor, own=home is not None)):
            raise refused()
        short = size - left
        for at_us, names in versions if arrived else ():
            if short > 0:
                short -= _cost(len(self.versions[names].pop(at_us).content))
        for each in partials if arrived else ():
            if short > 0:
                self._partials.remove(each)
                short -= _cost(len(each.content))

    def _used(self, home: Names = ()) -> int:
        """Bytes of everything that is kept beneath a home."""
        sizes = [len(node.content) for names, node in self.nodes.items() if _is_in(names, home) and names != home]
        sizes += (
            len(node.content)
            for names, versions in self.versions.items()
            for node in versions.values()
            if _is_in(names, home)
        )
        sizes += (len(each.content) for each in self._partials if _is_in(each.request.endpoint.parts, home))
        return sum(map(_cost, sizes))


def _cost(size: int) -> int:
    """The bytes that a file of `size` counts for, and a directory, which has none."""
    return max(size, NAME_COST)


def _is_in(names: Names, home: Names) -> bool:
    return names[: len(home)] == home


def sort(all_names: Iterator[Names]) -> list[Names]:
    """By the bytes of their names, each followed by what is beneath it."""
    return sorted(all_names, key=lambda names: tuple(name.encode() for name in names))
