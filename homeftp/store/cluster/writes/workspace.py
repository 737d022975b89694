"""The part of the tree that one transaction sees and changes: locked, read at once, changed in memory, written at once.

Every change of names goes through here, so that a batch of many files takes as few statements as one. Whether something
may be changed is decided in `homeftp.store.cluster.writes.committer`; what is called here succeeds.
"""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from msgspec import structs

from homeftp.cluster.database import Transaction, TransactionConflict
from homeftp.endpoint import Endpoint, folded
from homeftp.metadata.modes import kept_mode
from homeftp.model import Change, Kind, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart, FileRow, Names, NodeRow
from homeftp.store.cluster.tables import contents, numbers, restorations, shares, usage, versions
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.policy import wording

_NEW_FILE, _NEW_DIRECTORY = 0o644, 0o755
"""The modes of what is made without one."""

_SPARE = 8
"""Numbers that are fetched beforehand, besides those that the endpoints certainly need."""

_EACH = 3
"""Numbers for each endpoint: its id, its content and its tag."""


class Workspace:
    """Endpoints of one share within a transaction. Call `load`, change, and `flush` at the end."""

    def __init__(self, context: ClusterContext, transaction: Transaction, *, alone: bool = False) -> None:
        """`alone`: no other transaction changes anything meanwhile, as is needed to move or remove a directory."""
        self.context = context
        self.transaction = transaction
        self.alone = alone
        self.changes: list[Change] = []
        """The changes, in order, for the audit log."""
        self.now_us = 0
        """The time of this transaction: microseconds since 1970."""
        self.limits: dict[Names, int] = {}
        """The quotas that must not be exceeded in the end, by path."""
        self._usage: dict[Names, int] = {}
        self._charged: dict[Names, int] = {}
        self._numbers: list[int] = []
        self._nodes: dict[Names, NodeRow | None] = {}
        self._alike: dict[tuple[int, str], list[NodeRow]] = {}
        self._inserted: dict[int, NodeRow] = {}
        self._updated: dict[int, NodeRow] = {}
        self._deleted: set[int] = set()
        self._kept: list[tuple[Names, FileRow, int | None]] = []
        self._parts: dict[int, Sequence[ContentPart]] = {}
        self._dropped: list[int] = []
        self._offered: dict[str, int] = {}
        self._since_us: int | None = None
        self._reached = (0, 0)
        self.restored: list[tuple[Names, int, bool]] = []
        """Paths whose version of a time was put back, and whether what was there became a version."""

    # -- reading -------------------------------------------------------------------

    def load(self, endpoints: Iterable[Endpoint]) -> None:
        """Lock what exists at these endpoints, and read it with all on the way. Call it once."""
        asked = sorted({each.parts for each in endpoints})
        usage.lock_share(self.transaction, self.context.share.id, alone=self.alone)
        self._fetch_numbers(_EACH * len(asked) + _SPARE)
        parents = sorted({names[:-1] for names in asked})
        found = names_table.walk(self.transaction, self.context.share.root, parents)
        wanted: dict[tuple[int, str], list[Names]] = {}
        prefixes = {each[:depth] for each in asked for depth in range(len(each) + 1)}
        for names in prefixes - {()}:
            above = found.get(names[:-1])
            if above is not None and above.directory and (names in asked or names not in found):
                wanted.setdefault((above.id, folded(names[-1])), []).append(names)
        self._alike = names_table.lock(self.transaction, wanted)
        for names in prefixes:
            self._nodes[names] = found.get(names)
        for key, paths in wanted.items():
            for names in paths:
                there = (node for node in self._alike[key] if node.name == names[-1])
                self._nodes[names] = next(there, None)
                if names not in asked and self._nodes[names] is not None:
                    raise TransactionConflict  # it was made after the way was looked up
        self._usage = usage.covering(self.transaction, self.context.share.id, asked)

    def load_unlocked(self, endpoints: Iterable[Endpoint]) -> None:
        """Read what exists at these endpoints, without a lock: to refuse early what will be refused. Instead of `load`.

        What is found may be another thing a moment later. Nothing can be changed.
        """
        asked = sorted({each.parts for each in endpoints})
        self.now_us = contents.now_us(self.transaction)
        found = names_table.walk(self.transaction, self.context.share.root, asked)
        for names in {each[:depth] for each in asked for depth in range(len(each) + 1)}:
            self._nodes[names] = found.get(names)
        self._usage = usage.covering(self.transaction, self.context.share.id, asked)

    def get(self, endpoint: Endpoint) -> NodeRow | None:
        """The present row of one of the loaded endpoints, or of one on the way to them."""
        return self._nodes.get(endpoint.parts)

    def missing(self, endpoint: Endpoint) -> list[Endpoint]:
        """The directories that are missing on the way to a directory, and it; raises `WrongKind` (43) for a file."""
        way = [endpoint.first(depth) for depth in range(1, len(endpoint.parts) + 1)]
        there = [self._nodes.get(each.parts) for each in way]
        for each, node in zip(way, there, strict=True):
            if node is not None and not node.directory:
                raise wording.not_a_directory(endpoint, each)
        return [each for each, node in zip(way, there, strict=True) if node is None]

    def similar_names(self, endpoint: Endpoint, moved_from: Endpoint | None = None) -> list[str]:
        """The names beside an endpoint that are similar to its own, without the one that is about to get it."""
        parent = self._nodes.get(endpoint.parts[:-1])
        if parent is None:
            return []
        moved = None if moved_from is None else self._nodes.get(moved_from.parts)
        alike = self._alike.get((parent.id, folded(endpoint.name)), [])
        return [node.name for node in alike if moved is None or node.id != moved.id]

    def number(self) -> int:
        """A number that nothing has: for a node, a content, a tag."""
        if not self._numbers:
            self._fetch_numbers(_SPARE)
        return self._numbers.pop()

    def _fetch_numbers(self, count: int) -> None:
        now_us, taken = numbers.allocate(self.transaction, count)
        self.now_us = self.now_us or now_us
        self._numbers += reversed(taken)

    # -- changing ------------------------------------------------------------------

    def new(self, kind: Kind, request: WriteRequest, size: int = 0, hash: str | None = None) -> NodeRow:
        """A node with a request's metadata, or that of new ones; it has no place yet, and no content."""
        mode = (_NEW_FILE if kind == "file" else _NEW_DIRECTORY) if request.mode is None else request.mode
        return NodeRow(
            mtime_us=self.now_us if request.mtime_us is None else request.mtime_us,
            mode=kept_mode(kind, mode),
            size=size,
            hash=hash,
            content=None,
            made_us=self.now_us,
            found=None,
            checked_us=0,
            id=self.number(),
            parent=0,
            name="",
            alike=0,
            directory=kind == "directory",
            tag=self.number(),
        )

    def insert(self, endpoint: Endpoint, node: NodeRow) -> NodeRow:
        """Put a new node where nothing exists; its parent does."""
        placed = self._at(endpoint, node)
        self._inserted[placed.id] = placed
        self._link(endpoint.parts, placed)
        self.charge(endpoint.parts, usage.cost(placed.size))
        self._reached = (
            max(self._reached[0], len(endpoint.whole.encode())),
            max(self._reached[1], len(endpoint.parts)),
        )
        return placed

    def change(self, endpoint: Endpoint, node: NodeRow) -> None:
        """Give what exists there another row with the same id."""
        old = self._nodes[endpoint.parts]
        assert old is not None and old.id == node.id
        self._unlink(endpoint.parts, old)
        self._link(endpoint.parts, node)
        self._store(node)
        self.charge(endpoint.parts, usage.cost(node.size) - usage.cost(old.size))

    def move(self, source: Endpoint, target: Endpoint) -> NodeRow:
        """Give a node another name, at which nothing exists; its new parent does."""
        node = self._nodes[source.parts]
        assert node is not None
        self._unlink(source.parts, node)
        moved = self._at(target, structs.replace(node, tag=self.number()))
        self._link(target.parts, moved)
        self._store(moved)
        if not node.directory:
            self.charge(source.parts, -usage.cost(node.size))
            self.charge(target.parts, usage.cost(node.size))
        return moved

    def delete(self, endpoint: Endpoint) -> None:
        """Take the name of a node away. Its content stays: give it to a version, or drop it."""
        node = self._nodes[endpoint.parts]
        assert node is not None
        self._unlink(endpoint.parts, node)
        if self._inserted.pop(node.id, None) is None:
            self._updated.pop(node.id, None)
            self._deleted.add(node.id)
        self.charge(endpoint.parts, -usage.cost(node.size))

    def detach(self, endpoint: Endpoint) -> None:
        """Take the place of a directory away, with all that is in it: no path leads there any more."""
        node = self._nodes[endpoint.parts]
        assert node is not None and self.alone
        self._unlink(endpoint.parts, node)
        self._updated[node.id] = structs.replace(node, parent=-node.id)

    def keep(self, endpoint: Endpoint, file: FileRow, at_us: int | None = None) -> None:
        """Keep a replaced or removed file as a version, unless none are kept; then its content is dropped."""
        if self.context.keeps_versions:
            self._kept.append((endpoint.parts, file, at_us))
            self.charge(endpoint.parts, usage.cost(file.size))
        elif file.content is not None:
            self.drop(file.content)

    def drop(self, content: int) -> None:
        """Forget a content."""
        if self._parts.pop(content, None) is None:
            self._dropped.append(content)

    def offer(self, objects: Mapping[str, int], since_us: int) -> None:
        """Objects that were written for this transaction, begun at that time, and their bytes."""
        self._offered.update(objects)
        self._since_us = since_us

    def add_content(self, parts: Sequence[ContentPart]) -> int | None:
        """A new content with these parts; None for an empty one. Their objects were offered, or have parts already."""
        if not parts:
            return None
        number = self.number()
        self._parts[number] = parts
        return number

    def charge(self, names: Names, size: int) -> None:
        """Count bytes for a path, or fewer."""
        for top in self._usage:
            if usage.counts(top, names):
                self._charged[top] = self._charged.get(top, 0) + size

    def charge_tree(self, source: Endpoint, target: Endpoint, id: int) -> None:
        """Count a directory, and all that is in it, for another path. What is in it is only read where it must be."""
        beneath: int | None = None
        for top in self._usage:
            was, is_ = _inside(top, source.parts), _inside(top, target.parts)
            if min(was, 1) != min(is_, 1):
                beneath = usage.beneath(self.transaction, id) if beneath is None else beneath
                change = (is_ >= 0) * beneath - (was >= 0) * beneath + ((is_ > 0) - (was > 0)) * usage.cost(0)
                self._charged[top] = self._charged.get(top, 0) + change
        for endpoint in (source, target):
            usage.forget_beneath(self.transaction, self.context.share.id, endpoint.parts)

    def used(self, top: Names) -> int | None:
        """Bytes beneath a path, as far as that is counted, with what was changed here."""
        found = self._usage.get(top)
        return None if found is None else found + self._charged.get(top, 0)

    def _at(self, endpoint: Endpoint, node: NodeRow) -> NodeRow:
        parent = self._nodes[endpoint.parts[:-1]]
        assert parent is not None
        alike = self._alike.get((parent.id, folded(endpoint.name)), ())
        others = [each.alike for each in alike if each.id != node.id]
        return structs.replace(node, parent=parent.id, name=endpoint.name, alike=max(others, default=-1) + 1)

    def _link(self, names: Names, node: NodeRow) -> None:
        self._nodes[names] = node
        self._alike.setdefault((node.parent, folded(node.name)), []).append(node)

    def _unlink(self, names: Names, node: NodeRow) -> None:
        self._nodes[names] = None
        self._alike[node.parent, folded(node.name)].remove(node)

    def _store(self, node: NodeRow) -> None:
        (self._inserted if node.id in self._inserted else self._updated)[node.id] = node

    # -- writing -------------------------------------------------------------------

    def flush(self) -> None:
        """Write all that was changed. Raises `TransactionConflict` where somebody else was faster, and `Busy` (51)."""
        names_table.delete(self.transaction, sorted(self._deleted))
        names_table.update(self.transaction, list(self._updated.values()))
        names_table.insert(self.transaction, list(self._inserted.values()))
        versions.insert(self.transaction, self.context.share.id, self._kept)
        restorations.insert(self.transaction, self.context.share.id, self.restored)
        self._write_parts()
        contents.drop(self.transaction, self._dropped)
        if any(self._reached):
            shares.reached(self.transaction, self.context.share.id, *self._reached)
        if self.context.journal is not None and self.changes:
            self.context.journal(self.transaction, self.changes)
        charged = {top: change for top, change in self._charged.items() if change}
        for top, used in usage.add(self.transaction, self.context.share.id, charged).items():
            if charged[top] > 0 and used > self.limits.get(top, used):
                raise TransactionConflict  # others have stored something meanwhile: see again whether there is space

    def _write_parts(self) -> None:
        """Name objects. Those that were offered in vain, or in part, are left to the collector."""
        named: dict[str, int] = {}
        for parts in self._parts.values():
            for part in parts:
                named[part.object] = named.get(part.object, 0) + part.size
        since_us = self.now_us if self._since_us is None else self._since_us
        contents.claim(self.transaction, named, since_us=since_us, grace_seconds=self.context.cluster.grace_seconds)
        contents.insert(self.transaction, self._parts)
        packs = {name: size for name, size in self._offered.items() if named.get(name, 0) > 0}
        contents.insert_packs(self.transaction, packs)
        contents.suspect(self.transaction, [name for name, size in self._offered.items() if named.get(name, 0) < size])


def _inside(top: Names, names: Names) -> int:
    """How far beneath a path another one is: 0 where it is the same, -1 where it is beside it."""
    return len(names) - len(top) if names[: len(top)] == top else -1
