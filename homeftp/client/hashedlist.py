"""Listing a directory of the server with the hash of every file, which the server computes where it must."""

from __future__ import annotations

from typing import AsyncIterator, Callable

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal, in_batches
from homeftp.client.connection.replies import Names, check_total, page, tree_progress
from homeftp.client.remotehash import hashed_entry
from homeftp.endpoint import parse
from homeftp.errors import Refusal, WrongKind
from homeftp.model import Entry, ListingPage, TreeProgress


async def list_with_hashes(
    client: Client,
    rel_endpoint: str,
    *,
    recursive: bool = False,
    progress: Callable[[TreeProgress], object] = lambda progress: None,
) -> AsyncIterator[ListingPage]:
    """The entries in a directory, as `Client.list`, with the hash of every file that the server can read.

    While it hashes, `progress` is called. A server that does not know how to list hashes is asked for each. Raises as
    `Client.list`.
    """
    body = {"rel_endpoint": rel_endpoint, "recursive": recursive, "hashes": True}
    answer, names = client.request("GET", body), Names()
    try:
        async for part in answer:
            if not part.response.more:
                check_total(part.body, "entries", names.entries)
                return
            if "entries" in part.body:
                yield await _complete(client, rel_endpoint, page(part.body, names))
            elif "files" in part.body:
                progress(tree_progress(part.body))
            else:
                raise WrongKind(f"{rel_endpoint} is a file, not a directory: get it")
    finally:
        answer.discard()


async def _complete(client: Client, rel_endpoint: str, listed: ListingPage) -> ListingPage:
    """The page of a server that does not know `hashes`, with the hashes that it gives when it is asked for each."""
    directory = parse(rel_endpoint)

    async def hashed(entry: Entry) -> Entry:
        found = await answer_or_refusal(hashed_entry(client, str(directory.at(entry.name))))
        return entry if found is None or isinstance(found, Refusal) else structs.replace(entry, hash=found.hash)

    unknown = [entry for entry in listed.entries if entry.kind == "file" and (entry.hash or entry.damaged) is None]
    known = {entry.name: entry for entry in await in_batches(hashed, unknown)}
    return ListingPage(tuple(known.get(entry.name, entry) for entry in listed.entries), listed.skipped)
