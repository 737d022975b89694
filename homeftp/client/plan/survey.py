"""A local folder and the server's copy of it: directories that have the same digests on both sides are not listed."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence, TypeVar, cast

import attrs
import msgspec
from twisted.internet.defer import Deferred, FirstError, gatherResults

from homeftp.client.api import Client
from homeftp.client.askeddigests import AskedDigests
from homeftp.client.files.digest import LocalDigests, local_digests, read_unread
from homeftp.client.files.hashes import remembers_folder
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.plan.descent import Descent, list_directories_of
from homeftp.client.plan.listing import RemoteListing, entry_table, list_remote, stat_names
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.model import EndpointOf, FileResult, Outcome, TransferContext, endpoints_below
from homeftp.client.transfer.observer import TransferObserver
from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Forbidden, WrongKind
from homeftp.hashing.foldertable import FolderTable
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry, TreeDigest, TreeProgress

T = TypeVar("T")
U = TypeVar("U")

Scan = Callable[[FolderTable | None], Coroutine[Any, Any, LocalTree]]
"""Reads a local folder; where a folder is as it is known in the table, its files may be unread."""

_REPORTED_TOGETHER = 1024
"""Files that are reported as the same in one step: then each costs little."""


class Survey(msgspec.Struct, frozen=True):
    """A local folder, and what the server has at `endpoint`."""

    tree: LocalTree
    """All of the local folder; what is unread is the same."""
    endpoint: Endpoint
    listing: RemoteListing
    """The server's entries, except beneath directories that are the same."""
    same: frozenset[str] = frozenset()
    """The directories that are the same with everything beneath them."""
    local: LocalDigests = msgspec.field(default_factory=LocalDigests)
    """The digests of the local folders; none where everything was listed."""

    @property
    def same_count(self) -> int:
        """How many files are in directories that are the same."""
        return sum(digests.files for digests in self._topmost_same())

    @property
    def unknown_count(self) -> int:
        """How many files there are whose hashes were not remembered."""
        return self.local.unknown if self.local.digests else len(self.tree.files)

    def _topmost_same(self) -> Iterator[TreeDigest]:
        """The digests of the directories that are the same, except of those within others."""
        topmost = (name for name in self.same if not name or name.rpartition("/")[0] not in self.same)
        return (self.local.digests[name] for name in topmost)

    def same_files(self) -> Iterator[tuple[str, FileStat]]:
        """The files in directories that are the same, by name, but for those in unread ones."""
        return chain.from_iterable(map(self.tree.files.inside, self._same_folders()))

    def _same_folders(self) -> Iterator[str]:
        """The directories that are the same and have files in them, in the order of the files."""
        return (name for name in self.tree.files.folders() if name in self.same)

    async def read_same(self, context: TransferContext, names: Iterable[str]) -> Collection[str]:
        """Read those of these directories that are unread: then their files are among the `same_files`.

        Returns those that were changed since they were compared.
        """
        unread = [name for name in names if name in self.tree.unread]
        if not unread or context.hash_cache is None:
            return ()
        return await context.workers.run(read_unread, self.tree, self.local, context.hash_cache, unread)

    def same_names(self) -> Iterator[str]:
        """The names of the directories that are the same and of the files in them, but for those in unread ones."""
        return chain(self.same, (name for name, _ in self.same_files()))

    def rest(self) -> LocalTree:
        """The tree without the files that are the same. Directories that are the same stay if they are listed."""
        if not self.same:
            return self.tree
        same, listed = self.same, self.listing.entries
        files = self.tree.files.of_folders(lambda name: name not in same)
        directories = {name: each for name, each in self.tree.directories.items() if name not in same or name in listed}
        return attrs.evolve(self.tree, files=files, directories=directories)

    async def remote_for(self, context: TransferContext, sent: LocalTree, small_file: int) -> Mapping[str, Entry]:
        """The server's entries, for a push of `sent` that has the server copy files larger than `small_file`.

        If `sent` has such a file, the larger files in directories that are the same are added. The server does not list
        these; the local ones tell their sizes and hashes.
        """
        listed, hashes = self.listing.entries, self.local.hashes
        if all(file.size <= small_file for file in sent.files.values()):
            return listed
        await self.read_same(context, self.same)
        larger = ((name, file.size) for name, file in self.same_files() if file.size > small_file and name in hashes)
        known = listed.copy()
        known.update((name, Entry(name, "file", size, hash=hashes[name])) for name, size in larger)
        return known

    async def list_same_directories(self, client: Client) -> None:
        """Add the directories that are the same to the listing: their digests do not tell their times."""
        self.listing.entries.update(await list_directories_of(client, self.endpoint, self.local, self.same))

    def plan_same(self, observer: TransferObserver) -> None:
        """Add the files that are the same, and their bytes, to the plan that `observer` has."""
        if self.same:
            same = list(self._topmost_same())
            observer.on_plan(sum(digests.files for digests in same), sum(digests.size for digests in same))

    async def finish_same(
        self, client: Client, context: TransferContext, observer: TransferObserver, *, dry_run: bool = False
    ) -> None:
        """Report the files that are the same; they count as seen on the server, except in a dry run."""
        if not self.same:
            return
        endpoint_of = endpoints_below(str(self.endpoint))
        if not dry_run:
            await self._record_seen(context, LastSeen(context.seen, context.workers, client), endpoint_of)
        counted: dict[str, tuple[int, int]] = {}
        single: set[str] = set()
        for name in self.same:
            if observer.on_same is None or observer.finished.has_in(endpoint_of(name)):
                single.add(name)
            else:
                counted[endpoint_of(name)] = self._own_files(name)
        observer.add_same(counted)
        await self.read_same(context, single)
        hashes = self.local.hashes
        files = chain.from_iterable(map(self.tree.files.inside, filter(single.__contains__, self._same_folders())))
        while some := list(islice(files, _REPORTED_TOGETHER)):
            finished = [file.size for name, file in some if endpoint_of(name) in observer.finished]
            if finished:
                observer.on_bytes(sum(finished))
                some = [(name, file) for name, file in some if endpoint_of(name) not in observer.finished]
            results = [FileResult(Outcome.SAME, name, file.size, hash=hashes.get(name)) for name, file in some]
            observer.add_files(results, (endpoint_of(name) for name, _ in some), sum(file.size for _, file in some))

    async def _record_seen(self, context: TransferContext, seen: LastSeen, endpoint_of: EndpointOf) -> None:
        """Record the files that are the same as seen on the server, unless that is known of their directories."""
        folders = {endpoint_of(name): self.local.digests[name].content for name in self.same}
        unrecorded = await seen.unrecorded(folders)
        if not unrecorded:
            return
        names = {name for name in self.same if endpoint_of(name) in unrecorded}
        for name in await self.read_same(context, names):
            names.remove(name)
            del folders[endpoint_of(name)]
        known = chain.from_iterable(self.local.hashes.inside(name) for name in self._same_folders() if name in names)
        await seen.record_folders(folders, ((endpoint_of(name), hash) for name, hash in known))

    def _own_files(self, name: str) -> tuple[int, int]:
        """How many files are directly in a directory, and their bytes."""
        digests = self.local.digests
        below = [digests[each] for each in self.local.below.get(name, ())]
        whole = digests[name]
        return whole.files - sum(each.files for each in below), whole.size - sum(each.size for each in below)


async def survey(
    client: Client,
    context: TransferContext,
    path: str,
    scan: Scan,
    endpoint: Endpoint,
    *,
    extra: bool,
    progress: Callable[[TreeProgress], object] | None = None,
    asked: AskedDigests | None = None,
) -> Survey:
    """Compare the folder `path`, which `scan` reads, with the endpoint's directory.

    Where this machine remembers hashes of files beneath it, digests are compared first, and what differs is listed;
    else everything is. With `extra` directories that only the server has are listed with what they hold. The listing
    is empty where nothing exists there. `progress` is called while the server hashes. `asked` may have asked for the
    endpoint's digests already. Raises `Forbidden` (33), and what `scan` raises.
    """
    cache = context.hash_cache
    run = context.workers.run
    if cache is None or not await run(remembers_folder, cache, path):
        if asked is not None:
            asked.close()
        tree, listing = await both_results(scan(None), list_remote(client, endpoint, recursive=True))
        return Survey(tree, endpoint, listing)
    asking = (asked or AskedDigests(endpoint)).answer(client, progress)
    (tree, local), top = await both_results(_scan_and_digest(context, cache, scan(cache.folders)), asking)
    if local is None or top is None or top.entry is None or top.tree is None:
        await _read_differing(context, cache, tree, local)
    if top is not None and top.entry is None:
        return Survey(tree, endpoint, RemoteListing(entry_table(), [], []))
    if local is None or top is None or top.entry is None or top.tree is None:
        return Survey(tree, endpoint, await list_remote(client, endpoint, recursive=True))
    descent = Descent(client, endpoint, local, RemoteListing(entry_table({"": top.entry}), [], []), top)
    await descent.compare()
    await _read_differing(context, cache, tree, local, descent.same)
    await descent.list(lambda: extra or _lacks_large_file(client, tree, descent))
    return Survey(tree, endpoint, descent.listing, frozenset(descent.same), local)


async def survey_parts(
    client: Client,
    context: TransferContext,
    scan: Scan,
    endpoint: Endpoint,
    parts: Collection[str],
) -> Survey | None:
    """Compare these parts of a folder, which `scan` reads, with those of the endpoint's directory.

    The directories around the parts are in the survey as well, without anything else that they hold. None where the
    parts do not tell enough: a directory around them is missing on one side, the server refuses to tell what a part is,
    or this machine remembers no hashes. Raises what `scan` raises.
    """
    cache = context.hash_cache
    if cache is None:
        return None
    names = names_around(parts)
    try:
        scanning = _scan_and_digest(context, cache, scan(cache.folders))
        (tree, local), listing = await both_results(scanning, stat_names(client, endpoint, [*names, *sorted(parts)]))
    except (BadEndpoint, Forbidden, WrongKind):
        return None
    if not tree.selector.takes_all:
        listing.entries.keep(lambda name, entry: tree.selector.takes(name, is_directory=entry.kind == "directory"))
    needed = names_around(part for part in parts if tree.selector.takes(part.rpartition("/")[0], is_directory=True))
    if local is None or any(name not in tree.directories or listing.kind_of(name) != "directory" for name in needed):
        return None
    descent = Descent(client, endpoint, local, listing, parts=parts)
    await descent.compare()
    await _read_differing(context, cache, tree, local, descent.same)
    await descent.list(lambda: True)
    return Survey(tree, endpoint, listing, frozenset(descent.same), local)


def names_around(parts: Iterable[str]) -> Sequence[str]:
    """The names of the directories around these, each before those in it; "" comes first."""
    names = {""}
    for part in parts:
        while part := part.rpartition("/")[0]:
            names.add(part)
    return sorted(names)


def _lacks_large_file(client: Client, tree: LocalTree, descent: Descent) -> bool:
    """Whether the server lacks a file that it should rather have under another name, and copy, than be sent."""
    small, there = client.server_info.limits.small_file, descent.listing.entries
    return any(
        file.size > small and name not in there
        for folder in tree.directories
        if folder not in descent.same
        for name, file in tree.files.inside(folder)
    )


async def _read_differing(
    context: TransferContext,
    cache: HashCache,
    tree: LocalTree,
    local: LocalDigests | None,
    same: Collection[str] = (),
) -> None:
    """Read the unread folders that are not the same on the server."""
    names = [name for name in tree.unread if name not in same]
    if names:
        await context.workers.run(read_unread, tree, local or LocalDigests(), cache, names)


async def _scan_and_digest(
    context: TransferContext, cache: HashCache, scanning: Awaitable[LocalTree]
) -> tuple[LocalTree, LocalDigests | None]:
    """The local tree, and its digests; None where the folder does not exist.

    None also where a get left parts of files: it then has to look at each file.
    """
    tree = await scanning
    if tree.partials or "" not in tree.directories:
        return tree, None
    return tree, await context.workers.run(local_digests, tree, cache)


async def both_results(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Both results, waited for at the same time."""
    running = [Deferred.fromCoroutine(one), Deferred.fromCoroutine(other)]
    try:
        results = await gatherResults(cast("list[Deferred[Any]]", running), consumeErrors=True)
    except FirstError as error:
        raise error.subFailure.value or error from None
    return results[0], results[1]
