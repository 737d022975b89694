"""The server's files at a time, as a get compares and fetches them."""

from __future__ import annotations

from typing import MutableMapping, Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.batches import in_batches
from homeftp.client.files.model import LocalTree
from homeftp.client.plan.globs import has_pattern
from homeftp.client.plan.listing import RemoteListing, entry_table
from homeftp.client.transfer.model import EndpointOf, TransferContext
from homeftp.client.transfer.payload import hash_file
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Damaged, OperatorError, WrongKind
from homeftp.hashing import filehash
from homeftp.model import Entry

_ANOTHER = f"{filehash.ALGORITHM}{'0' * 64}"
"""Stands for the hash of a content that the server does not know, and that is not the local one."""


async def no_pattern(client: Client, path: str) -> Sequence[str]:
    """The path itself; raises `OperatorError` for a pattern, which only matches what is there now."""
    if has_pattern(path):
        raise OperatorError("patterns match what is there now. With --at, name the file or the folder.")
    return [path]


async def list_past(client: Client, endpoint: Endpoint, as_of: int, *, recursive: bool) -> RemoteListing:
    """The entry at an endpoint, and with `recursive` all that was in it. Raises `NotFound` (40), `OperatorError`."""
    listing = RemoteListing(entry_table(), [], [])
    if recursive:
        try:
            listing.entries[""] = Entry("", "directory")
            async for page in client.list(str(endpoint), recursive=True, as_of=as_of):
                listing.entries.update((entry.name, entry) for entry in page.entries)
                listing.skipped.extend(page.skipped)
            return listing
        except WrongKind:
            pass  # it was a file
    try:
        download = await client.get(str(endpoint), length=0, as_of=as_of)
    except WrongKind:
        raise OperatorError(
            f"{endpoint or 'the shared folder'} was a folder then: add -r to get it with its content"
        ) from None
    except Damaged:
        listing.entries[""] = Entry("", "file", damaged="")
        return listing
    await download.verdict()
    listing.entries[""] = download.entry
    return listing


async def learn_hashes(
    client: Client,
    context: TransferContext,
    endpoint_of: EndpointOf,
    remote: MutableMapping[str, Entry],
    tree: LocalTree,
    as_of: int,
) -> None:
    """Add a hash to each entry that has a local file of the same size: nothing else compares the two.

    One that the server has not kept is `damaged`.
    """
    unknown = [
        name
        for name, entry in remote.items()
        if entry.kind == "file" and entry.hash is None and name in tree.files and tree.files[name].size == entry.size
    ]

    async def find(name: str) -> Entry:
        try:
            local_hash = await hash_file(tree.files[name].path, context)
            compared = await client.get(endpoint_of(name), length=0, if_hash=local_hash, as_of=as_of)
            await compared.verdict()
        except (OSError, Changed):
            return structs.replace(remote[name], hash=_ANOTHER)
        except Damaged:
            return structs.replace(remote[name], damaged="")
        return structs.replace(remote[name], hash=local_hash)

    for name, entry in zip(unknown, await in_batches(find, unknown), strict=True):
        remote[name] = entry
