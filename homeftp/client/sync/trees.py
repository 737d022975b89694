"""Reading both sides of a pair: which files and directories there are, and what of them is already the same.

Folders that have the same digests on both sides are not read any further. Of the others those files are hashed that
another side, or the agreement, has under the same name, or whose size says that they may have been renamed. Unchanged
files, which are the same on both sides and in the agreement, are only counted where at least half of all are such: no
plan says anything of them.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, AbstractSet, Callable, Container, Iterator, Mapping, Sequence

import attrs
from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.askeddigests import AskedDigests
from homeftp.client.batches import in_batches
from homeftp.client.files.digest import LocalDigests, read_unread
from homeftp.client.files.hashes import known_hashes
from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree, file_table
from homeftp.client.files.names import folding_disks
from homeftp.client.files.read import Content, ReadRequest, read_many
from homeftp.client.files.scan import inodes_beneath
from homeftp.client.plan.listing import RemoteListing, entry_table, select
from homeftp.client.plan.local import scanner
from homeftp.client.plan.spelling import spell
from homeftp.client.plan.survey import Survey, names_around, survey, survey_parts
from homeftp.client.remotehash import hash_there
from homeftp.client.selection import Selection
from homeftp.client.sync.archive import Agreement, SyncArchive, SyncPair
from homeftp.client.sync.model import (
    SyncNode,
    SyncTree,
    Unsynced,
    inode_table,
    is_within,
    node_of,
    node_table,
    nodes_of,
)
from homeftp.client.sync.naming.copynames import original_endpoint
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.client.tables.allnames import Cursor
from homeftp.client.tables.nameset import NameSet
from homeftp.client.tables.nametable import NameTable
from homeftp.client.transfer.metadata import differing, learn_local
from homeftp.client.transfer.model import DAMAGED_COPY, TransferContext
from homeftp.client.transfer.payload import hash_file
from homeftp.config import STREAM_PIECE
from homeftp.endpoint import folded, parse
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import Entry, TreeProgress

if TYPE_CHECKING:
    from homeftp.client.sync.leftout import SelectionChange

_READ_AT_ONCE = 64
"""Small files that are hashed in one job."""

_LOOKED_UP = 16 * 1024
"""Files whose remembered hashes are looked up in one step."""

_LEAST_UNCHANGED = 0.5
"""Where a smaller part of the files is unchanged, tables without them would take more memory than they spare."""

_UNREADABLE = "the server cannot read it"


@attrs.frozen
class BothSides:
    """Both sides of a pair, except what is in folders that are the same."""

    local: LocalTree
    """The local tree, with the folders that are the same; some of these are unread."""
    entries: NameTable[Entry]
    """The server's, by name; "" is the directory itself, which may not exist."""
    here: SyncTree
    """Without the unchanged files, as `there` and `agreed`."""
    there: SyncTree
    agreed: Agreement
    unchanged: NameSet
    """The files that both sides have as it was agreed, with the directories around them."""
    same: Mapping[str, str]
    """The folders that are the same with all beneath them, each with its full digest; "" is the pair's own."""
    same_files: int
    """How many files are in them, are unchanged, or are agreed outside of what was read."""
    digests: LocalDigests
    """The digests of the folders here, and the hashes of the files in them, but for unread ones."""
    scope: Scope
    """The part that was read. Of the directories around its parts nothing else is in here."""
    selected: SelectionChange | None = None
    """The change of what is selected; None for none."""

    def holds_same(self, folder: str) -> bool:
        """Whether a folder has a file, at any depth, that both sides have alike, so that it is in neither tree."""
        folders = (name for name in self.same if self.digests.digests[name].files)
        return any(is_within(name, folder) for name in chain(folders, self.unchanged))

    def same_node(self, found: FileStat) -> SyncNode:
        """A file or directory in a folder that is the same."""
        mode = found.stat.st_mode & MODE_BITS if HAS_MODES else None
        if found.is_directory:
            return SyncNode("directory", mode=mode)
        return SyncNode("file", self.digests.hashes[found.name], found.size, found.mtime_us, mode)


async def read_both(
    client: Client,
    context: TransferContext,
    archive: SyncArchive,
    pair: SyncPair,
    selection: Selection,
    progress: Callable[[TreeProgress], object] | None = None,
    scope: Scope = WHOLE,
    asked: AskedDigests | None = None,
) -> BothSides:
    """Read both sides; `progress` is called while the server hashes. Nothing is changed, but hashes are remembered.

    Only what is in the `scope` is read, unless that does not tell enough: then the whole is. `asked` may have asked for
    the digests of the server's directory already. Raises `OperatorError` where the local folder cannot be read,
    `WrongKind` (43) where the server has a file at the endpoint, and `Forbidden` (33).
    """
    endpoint = parse(pair.endpoint)
    surveyed = None
    if not scope.is_whole and selection.names is None:
        scan = scanner(context, pair.local, selection, scope.parts)
        surveyed = await survey_parts(client, context, scan, endpoint, scope.parts)
    if surveyed is None:
        scope = WHOLE
        scan = scanner(context, pair.local, selection)
        surveyed = await survey(client, context, pair.local, scan, endpoint, extra=True, progress=progress, asked=asked)
    tree, listing = surveyed.tree, surveyed.listing
    if listing.kind == "file":
        raise WrongKind(f"{endpoint} is a file on the server: a folder is synced with a folder")
    held = select(listing, tree.selector, surveyed.same_names())
    spell(listing, tree)
    same = {name: surveyed.local.digests[name].full for name in surveyed.same}
    agreed = await context.workers.run(archive.read, pair, same, scope.parts)
    selected = None
    if agreed.has_left_out or not tree.selector.takes_all:
        from homeftp.client.sync.leftout import select_agreed  # most folders are synced whole

        selected = await context.workers.run(select_agreed, archive, pair, agreed, tree.selector, scope, same)
    unread = 0
    if not scope.is_whole:
        around = {name for name in names_around(scope.parts) if name in tree.directories and name}
        if not agreed.nodes.keys() >= around:
            return await read_both(client, context, archive, pair, selection, progress)
        known = await context.workers.run(archive.count_files, pair)
        unread = known - sum(node.kind == "file" for node in agreed.nodes.values()) - surveyed.same_count
    await learn_local(context, tree, listing.entries, sends=False)
    mounts = {name: tree.directories[name].path for name in tree.mount_points}
    reading = _Reading(client, context, surveyed, agreed)
    await reading.run()
    return BothSides(
        tree,
        listing.entries,
        attrs.evolve(
            reading.here(),
            partial=tree.partial_directories,
            links=tree.links,
            unnamed=await context.workers.run(inodes_beneath, tree.unnamed) if tree.unnamed else {},
            mounts=mounts,
            folding=await context.workers.run(folding_disks, pair.local, mounts),
        ),
        attrs.evolve(reading.there(), partial=held, folding={""} if client.server_info.similar_names is False else ()),
        attrs.evolve(agreed, nodes=reading.agreed),
        reading.unchanged,
        same,
        surveyed.same_count + reading.unchanged_count + max(0, unread),
        surveyed.local,
        scope,
        selected,
    )


class _Reading:
    """Finds out what has to be known of the files in folders that are not the same."""

    def __init__(self, client: Client, context: TransferContext, surveyed: Survey, agreed: Agreement) -> None:
        self._client = client
        self._context = context
        self._endpoint = surveyed.endpoint
        self.agreed = agreed.nodes
        """The agreement; after `run` without the unchanged files, as the tables of both sides."""
        self._tree = surveyed.tree
        self._same = surveyed.same
        self._there = surveyed.listing.entries.of_folders(self._differs)
        self._there.pop("", None)
        self._files = self._tree.files.of_folders(self._differs)
        self._hashes = surveyed.local.hashes.of_folders(self._differs)
        self._opaque_here = _unsynced(self._tree)
        if self._tree.other_names:
            from homeftp.client.sync.naming.leftnames import other_spellings  # most folders have no such names

            self._opaque_here = {**other_spellings(self._tree), **self._opaque_here}
        self._opaque_there = _unsynced(surveyed.listing)
        self.unchanged = NameSet()
        self.unchanged_count = 0
        self._lost: AbstractSet[str] = frozenset()
        """The agreed names that a side has lost, folded: it may have given them another case."""

    def _differs(self, folder: str) -> bool:
        """Whether what is in a folder is looked at."""
        return folder not in self._same

    async def run(self) -> None:
        """Find the unchanged files, and hash what has to be hashed of the others, on both sides."""
        self._leave_unchanged()
        lost = {
            node.size
            for name, node in self.agreed.items()
            if node.size and (name not in self._files or name not in self._there)
        }
        self._lost = {folded(name) for name in self.agreed if name not in self._files or name not in self._there}
        await self._hash_here(lost)
        await self._hash_there(lost)

    def _leave_unchanged(self) -> None:
        """Find the unchanged files, and go on without them: then the work is as much as there are changes."""
        shared = self._shared_directories()
        for name in chain.from_iterable(map(self._unchanged_in, filter(shared.__contains__, self._files.folders()))):
            self.unchanged.add(name)
            self.unchanged_count += 1
        if self.unchanged_count < len(self._files) * _LEAST_UNCHANGED:
            self.unchanged, self.unchanged_count = NameSet(), 0
            return
        files, there, agreed = file_table(), entry_table(), node_table()
        files.update((name, self._files[name]) for name in self._files if name not in self.unchanged)
        there.update((name, self._there[name]) for name in self._there if name not in self.unchanged)
        agreed.update((name, self.agreed[name]) for name in self.agreed if name not in self.unchanged)
        self._files, self._there, self.agreed = files, there, agreed

    def _shared_directories(self) -> AbstractSet[str]:
        """The directories that both sides and the agreement have, with those around them."""
        shared = {""}
        for name in self._tree.directories:  # each comes after the one that it is in
            nodes = self._there.get(name), self.agreed.get(name)
            is_known = all(node is not None and node.kind == "directory" for node in nodes)
            if is_known and not self._is_opaque(name) and name.rpartition("/")[0] in shared:
                shared.add(name)
        return shared

    def _unchanged_in(self, folder: str) -> Iterator[str]:
        """The files in such a directory that are the same everywhere; copies of conflicts count for new ones."""
        there, agreed, hashes = Cursor(self._there, folder), Cursor(self.agreed, folder), Cursor(self._hashes, folder)
        for name, file in self._files.inside(folder):
            entry, node = there.get(name), agreed.get(name)
            if entry is None or node is None or entry.hash is None or node_of(entry) != node or self._is_opaque(name):
                continue
            if self._node_here(file, entry, hashes.get(name)) == node and original_endpoint(name) is None:
                yield name

    def _is_opaque(self, name: str) -> bool:
        return name in self._opaque_here or name in self._opaque_there

    def _is_compared(self, name: str, size: int, lost: Container[int]) -> bool:
        """Whether the hash of a file on one side matters: another has the name, or it may be one that was renamed."""
        if name in self.agreed or (name in self._files and name in self._there) or size in lost:
            return True
        return bool(self._lost) and folded(name) in self._lost

    async def _hash_here(self, lost: set[int]) -> None:
        """Hash the files here that have no hash yet; `lost` are the sizes of files that may have been renamed."""
        unknown = (file for name, file in self._files.items() if name not in self._hashes)
        while some := list(islice(unknown, _LOOKED_UP)):
            known = known_hashes(self._context.hash_cache, some)
            others = (file for file in some if file.path not in known)
            read = await self._read([file for file in others if self._is_compared(file.name, file.size, lost)])
            found = ((file.name, known.get(file.path) or read.get(file.name)) for file in some)
            self._hashes.update((name, hash) for name, hash in found if hash is not None)

    async def _read(self, files: Sequence[FileStat]) -> Mapping[str, str]:
        """The hashes of files, by name, which are read; why others cannot be read is noted."""
        found: dict[str, str] = {}
        small = [file for file in files if file.size <= STREAM_PIECE]
        groups = [small[start : start + _READ_AT_ONCE] for start in range(0, len(small), _READ_AT_ONCE)]
        await in_batches(partial(self._read_small, found), groups)
        await in_batches(partial(self._read_large, found), [file for file in files if file.size > STREAM_PIECE])
        return found

    async def _read_small(self, found: dict[str, str], files: Sequence[FileStat]) -> None:
        requests = [ReadRequest(file, False) for file in files]
        contents = await self._context.workers.run_unbounded(read_many, requests, self._context.hash_cache)
        for file, content in zip(files, contents, strict=True):
            if isinstance(content, Content) and content.hash is not None:
                found[file.name] = content.hash
            else:
                self._opaque_here[file.name] = Unsynced(_reason(content), True)

    async def _read_large(self, found: dict[str, str], file: FileStat) -> None:
        try:
            found[file.name] = await hash_file(file.path, self._context)
        except (OSError, Changed) as error:
            self._opaque_here[file.name] = Unsynced(_reason(error), True)

    async def _hash_there(self, lost: set[int]) -> None:
        """Have the server hash its files of which it does not know the hash."""
        is_asked = False
        for name, entry in self._there.items():
            if entry.damaged is not None:
                self._opaque_there[name] = Unsynced(DAMAGED_COPY, True)
            elif self._is_unknown(entry, lost):
                is_asked = True
        if not is_asked:
            return  # and go on with a table that shares what is packed
        hashed, rows = entry_table(), iter(self._there.values())
        while some := list(islice(rows, _LOOKED_UP)):
            unknown = [entry.name for entry in some if self._is_unknown(entry, lost)]
            found = dict(zip(unknown, await in_batches(self._ask, unknown), strict=True))
            for entry in some:
                hash = found.get(entry.name) or entry.hash
                hashed[entry.name] = entry if hash == entry.hash else structs.replace(entry, hash=hash)
                if entry.name in found and not hash:
                    self._opaque_there[entry.name] = Unsynced(_UNREADABLE, True)
        self._there = hashed

    def _is_unknown(self, entry: Entry, lost: Container[int]) -> bool:
        """Whether the server is to be asked for a hash."""
        is_unknown = entry.kind == "file" and entry.hash is None and entry.damaged is None
        return is_unknown and self._is_compared(entry.name, entry.size, lost)

    async def _ask(self, name: str) -> str:
        return await hash_there(self._client, str(self._endpoint.at(name)))

    def here(self) -> SyncTree:
        """The local tree, with the server's time and mode where they differ no more than a disk loses."""
        nodes, inodes = node_table(), inode_table()
        directories = self._tree.directories.items()
        differing = ((name, each) for name, each in directories if name and self._differs(name.rpartition("/")[0]))
        for name, found in chain(differing, self._files.items()):
            inodes[name] = found.inode
            nodes[name] = self._node_here(found, self._there.get(name), self._hashes.get(name))
        return SyncTree(nodes, self._opaque_here, inodes)

    def _node_here(self, found: FileStat, entry: Entry | None, hash: str | None) -> SyncNode:
        mtime_us: int | None = found.mtime_us
        mode = found.stat.st_mode & MODE_BITS if HAS_MODES else None
        is_exact = entry is not None and (entry.mtime_us, entry.mode) == (mtime_us, mode)
        if entry is not None and not is_exact and (entry.kind == "directory") == found.is_directory:
            differs = differing(found, entry, self._context.disks)
            mtime_us = mtime_us if "mtime_us" in differs else entry.mtime_us
            mode = mode if "mode" in differs else entry.mode
        if found.is_directory:
            return SyncNode("directory", mode=mode)
        return SyncNode("file", hash, found.size, mtime_us, mode)

    def there(self) -> SyncTree:
        """The server's tree."""
        return SyncTree(nodes_of(self._there), self._opaque_there)


def _unsynced(side: LocalTree | RemoteListing) -> dict[str, Unsynced]:
    """The names of one side that cannot be synced."""
    found = {name: Unsynced(reason, False) for name, reason in side.skipped}
    return found | {name: Unsynced(reason, True) for name, reason in side.failed}


def _reason(error: object) -> str:
    return f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)


def record_same(archive: SyncArchive, pair: SyncPair, both: BothSides, cache: HashCache | None) -> None:
    """Record what is left out, and the folders that are the same on both sides, unless that is recorded. Blocks.

    What was changed here since it was compared is left for the next sync.
    """
    if both.selected is not None:
        both.selected.record(archive, pair)
    if not both.same or cache is None:
        return
    known = archive.digests(pair)
    outdated = {folder for folder, digest in both.same.items() if known.get(folder) != digest}
    if not outdated:
        return
    changed = read_unread(both.local, both.digests, cache, outdated)
    outdated.difference_update(changed)
    if both.selected is not None:
        both.selected.record_folders(archive, pair, outdated)
    directories: dict[str, list[tuple[str, FileStat]]] = {}
    for name, found in both.local.directories.items():
        if name:
            directories.setdefault(name.rpartition("/")[0], []).append((name, found))
    for folder in outdated:
        inside = [*both.local.files.inside(folder), *directories.get(folder, ())]
        nodes = {name: both.same_node(found) for name, found in inside}
        archive.record_folder(pair, folder, nodes, {name: found.inode for name, found in inside})
    above = set(names_around(f"{name}/" for name in changed)) if changed else set()
    archive.record_digests(pair, {name: digest for name, digest in both.same.items() if name not in above})
