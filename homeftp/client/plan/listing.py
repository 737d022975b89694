"""The server's listing of an endpoint: its entry, and the entries below it."""

from __future__ import annotations

import contextlib
from itertools import chain
from typing import Collection, Iterable, Mapping, NamedTuple, Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.batches import in_batches
from homeftp.client.selection import Selector
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Columns, Packing
from homeftp.endpoint import Endpoint, name_problem
from homeftp.errors import BadEndpoint, Forbidden, not_found
from homeftp.hashing.filehash import binary, from_binary
from homeftp.model import Entry, Kind, TimeSpan


def _pack(names: Sequence[str], entries: Sequence[Entry]) -> Columns:
    return (
        [entry.kind for entry in entries],
        [None if entry.hash is None else binary(entry.hash) for entry in entries],
        [entry.size for entry in entries],
        [entry.mtime_us for entry in entries],
        [entry.mode for entry in entries],
        [entry.damaged for entry in entries],
        [entry.mtime_span for entry in entries],
    )


def _unpack(names: Sequence[str], columns: Columns) -> Iterable[Entry]:
    kinds, digests, sizes, times, modes, damaged, spans = columns
    hashes = [None if digest is None else from_binary(digest) for digest in digests]
    return map(_entry, names, kinds, sizes, times, modes, hashes, damaged, spans)


def _entry(
    name: str,
    kind: Kind,
    size: int,
    mtime_us: int | None,
    mode: int | None,
    hash: str | None,
    damaged: str | None,
    mtime_span: TimeSpan | None,
) -> Entry:
    return Entry(name, kind, size, mtime_us, mode, hash, damaged=damaged, mtime_span=mtime_span)


PACKING: Packing[Entry] = Packing(_pack, _unpack)
"""Keeps all of an entry that a server says. The first columns are those of a node of a sync."""


def entry_table(entries: Mapping[str, Entry] | None = None) -> NameTable[Entry]:
    """A table of entries by name."""
    return NameTable(PACKING, entries)


class RemoteListing(NamedTuple):
    """The entries at and below an endpoint, by name; "" is the endpoint itself. Empty where nothing exists."""

    entries: NameTable[Entry]
    skipped: list[tuple[str, str]]
    """Names of what is never fetched, such as links, each with the reason."""
    failed: list[tuple[str, str]]
    """Names of what should be fetched and cannot be, each with the reason."""

    @property
    def kind(self) -> str | None:
        """The kind of the endpoint itself; None where nothing exists."""
        return self.kind_of("")

    def kind_of(self, name: str) -> str | None:
        """The kind of what has a name; None for nothing."""
        found = self.entries.get(name)
        return None if found is None else found.kind


async def stat_remote(client: Client, endpoint: Endpoint) -> RemoteListing:
    """The entry at an endpoint alone."""
    compared = await client.cmp(str(endpoint))
    return RemoteListing(entry_table({} if compared.remote is None else {"": compared.remote}), [], [])


async def stat_names(client: Client, endpoint: Endpoint, names: Sequence[str]) -> RemoteListing:
    """The entries of these names beneath an endpoint, as far as they exist; "" is the endpoint itself.

    A name that the wire cannot carry does not exist. Raises what `Client.cmp` raises.
    """
    legal = [name for name in names if not any(map(name_problem, name.split("/") if name else ()))]
    found = await in_batches(lambda name: client.cmp(str(endpoint.at(name))), legal)
    entries = entry_table()
    for name, compared in zip(legal, found, strict=True):
        if compared.remote is not None:
            entries[name] = structs.replace(compared.remote, name=name)
    return RemoteListing(entries, [], [])


async def existing_entry(client: Client, endpoint: Endpoint) -> Entry:
    """The entry at an endpoint; raises `NotFound` (40) where nothing exists."""
    found = (await client.cmp(str(endpoint))).remote
    if found is None:
        raise not_found(str(endpoint))
    return found


async def list_remote(client: Client, endpoint: Endpoint, *, recursive: bool) -> RemoteListing:
    """The entries at an endpoint and in it; with `recursive` all below it.

    What the server skips counts as failed where it was listed as a directory,
    which the server could not read then, and where the wire cannot carry its
    name.
    """
    listing = await stat_remote(client, endpoint)
    if listing.kind == "directory":
        await add_entries(client, endpoint, listing, recursive=recursive)
    return listing


async def add_entries(
    client: Client, endpoint: Endpoint, listing: RemoteListing, *, recursive: bool, beneath: str = ""
) -> None:
    """Add the entries in a directory to the listing of `endpoint`: that of the endpoint itself, or the one `beneath`.

    Raises as `Client.list`.
    """
    directory = endpoint.at(beneath)
    prefix = f"{beneath}/" if beneath else ""
    async for page in client.list(str(directory), recursive=recursive):
        for entry in page.entries:
            named = structs.replace(entry, name=prefix + entry.name) if prefix else entry
            listing.entries[named.name] = named
        for name, reason in page.skipped:
            has_failed = prefix + name in listing.entries or not _is_legal(directory, name)
            (listing.failed if has_failed else listing.skipped).append((prefix + name, reason))


def select(listing: RemoteListing, selector: Selector, local: Iterable[str] = ()) -> Collection[str]:
    """Leave only what is selected in a listing, and add the names that were asked for and do not exist.

    Those that are `local` exist. Gives the directories that hold something that is left out.
    """
    partial: set[str] = set()

    def is_selected(name: str, entry: Entry) -> bool:
        taken = selector.takes(name, is_directory=entry.kind == "directory")
        if not taken:
            partial.add(name.rpartition("/")[0])
        return taken

    if not selector.takes_all:
        listing.entries.keep(is_selected)
        for names in (listing.skipped, listing.failed):
            names[:] = [each for each in names if selector.takes(each[0], is_directory=False)]
    if selector.has_names:
        others = (name for name, _ in listing.skipped + listing.failed)
        missing = selector.missing(chain(listing.entries, local, others))
        listing.failed.extend((name, "does not exist on the server") for name in missing)
    return partial


def _is_legal(endpoint: Endpoint, name: str) -> bool:
    """Whether the wire can carry a name that the server skipped; it was skipped for another reason then."""
    try:
        endpoint.child(name)
    except BadEndpoint:
        return False
    return True


async def list_directories(client: Client, endpoint: Endpoint, names: Iterable[str]) -> RemoteListing:
    """The entries in an endpoint, and all entries below its directories of these names.

    For a push to the top of a store: the other directories are not listed. One that the server may not list (33) has
    no entries: what is sent to it is refused, file by file.
    """
    listing = await list_remote(client, endpoint, recursive=False)
    for name in names:
        found = listing.entries.get(name)
        if found is not None and found.kind == "directory":
            with contextlib.suppress(Forbidden):
                await add_entries(client, endpoint, listing, recursive=True, beneath=name)
    return listing
