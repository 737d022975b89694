"""Reading again what both sides remember the hashes of: a disk may have damaged it since."""

from __future__ import annotations

import contextlib
from typing import Iterable, MutableMapping

import attrs
from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.batches import in_batches
from homeftp.client.plan.listing import stat_remote
from homeftp.client.transfer.model import TransferContext, TransferOptions
from homeftp.client.transfer.observer import TransferObserver
from homeftp.endpoint import Endpoint
from homeftp.errors import NotFound
from homeftp.model import Entry

ASKED_TOGETHER = 32
"""Files that the server is asked to read again at once, so that none waits for the answer of the one before."""


def without_memory(context: TransferContext) -> TransferContext:
    """The context of a transfer that reads all local files again."""
    return attrs.evolve(context, hash_cache=None)


def rereads_named(client: Client, options: TransferOptions) -> bool:
    """Whether the server is to read single files again that are about to be replaced.

    With `force` it need not be able to; with `reread` it is asked, and refuses.
    """
    able = "VERIFY" in client.server_info.request_types and client.server_info.may("read")
    return options.reread or (options.force and not options.dry_run and able)


async def reread_remote(client: Client, endpoint: str, observer: TransferObserver) -> None:
    """Have the server read its copies again: it then knows those that are damaged. Raises as `Client.verify`."""
    with contextlib.suppress(NotFound):
        async for step in client.verify(endpoint):
            observer.on_plan(step.files, step.size)
            observer.add_bytes(step.size, moved=False)


async def reread_files(
    client: Client, base: Endpoint, remote: MutableMapping[str, Entry], names: Iterable[str], observer: TransferObserver
) -> None:
    """Have the server read those of these files in a directory again that it has; `remote` gets what it says then."""

    async def reread_one(name: str) -> None:
        await reread_remote(client, str(base.beneath(name)), observer)
        listing = await stat_remote(client, base.beneath(name))
        if listing.entries:
            remote[name] = structs.replace(listing.entries[""], name=name)

    existing = [name for name in names if name in remote and remote[name].kind == "file"]
    await in_batches(reread_one, existing, ASKED_TOGETHER)
