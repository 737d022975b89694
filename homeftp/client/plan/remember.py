"""Remembering a folder when it has been transferred or compared: the next look at it, on both sides, is at no file.

A survey remembers folders as well. But it does so when it finds them the same, and so only at the second look.
"""

from __future__ import annotations

from functools import partial

from homeftp.client.api import Client
from homeftp.client.askeddigests import Found, ask_digests
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.client.files.digest import LocalDigests, local_digests
from homeftp.client.files.model import LocalTree
from homeftp.client.plan.survey import Scan, both_results
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.model import Outcome, TransferContext, endpoints_below
from homeftp.client.transfer.observer import TransferObserver
from homeftp.endpoint import Endpoint
from homeftp.errors import LoginFailed, LoginRequired, Refusal
from homeftp.hashing.foldertable import FolderTable
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import NOTHING

_SMALL_PART = 8
"""Where the hashes of less than one in so many files are new, the next look reads the few folders of these."""

_LEFT_OUT = (
    Outcome.EXTRA,
    Outcome.EXISTS,
    Outcome.REFUSED,
    Outcome.FAILED,
    Outcome.DAMAGED,
    Outcome.CORRUPT,
)
"""The outcomes of files that the server may not have hashed, though it has them."""

FEW_FILES = 2000
"""Where the hashes of fewer files are new, the next look at each of them is worth no request."""


def is_worthwhile(new: int, files: int) -> bool:
    """Whether to remember a folder with so many `files` at once; so many were transferred or hashed the first time."""
    return new >= FEW_FILES and new * _SMALL_PART >= files


async def remember_folder(
    client: Client,
    context: TransferContext,
    scan: Scan,
    endpoint: Endpoint,
    observer: TransferObserver,
    *,
    has_more: bool = False,
) -> None:
    """Remember a local folder whose hashes are known now, which `scan` reads, and have the server remember its own.

    Remembered are the folders in which all files are known, at rest, and selected. Where both sides have the same
    content, its files count as seen on the server. The server is not asked where it would have to hash other files for
    that: where it `has_more` of them, or some of those that `observer` was told of were left out. What `observer` was
    told stays true where the server does not answer, or the connection is lost: the next look takes longer then, and
    fails if it still is. Raises `LoginRequired` (31), `LoginFailed` (32), `ProtocolViolation`, and what `scan` raises.
    """
    cache = context.hash_cache
    if cache is None:
        return
    tree = await scan(cache.folders)
    if not tree.selector.takes_all or "" not in tree.directories:
        return
    digesting = _digest(context, tree, cache)
    if has_more or any(observer.counts[outcome] for outcome in _LEFT_OUT):
        await digesting
        return
    local, there = await both_results(digesting, _ask(client, endpoint, observer))
    if there is None or there.tree is None or "" in local.incomplete:
        return
    if local.digests[""].content == there.tree.content and not there.tree.skipped:
        endpoint_of = endpoints_below(str(endpoint))
        seen = LastSeen(context.seen, context.workers, client)
        await seen.record_folders({endpoint_of(name): each.content for name, each in local.digests.items()}, ())


def as_found(tree: LocalTree) -> Scan:
    """Gives the tree of a folder that is the same since it was read, as if it were read again."""

    async def scan(folders: FolderTable | None) -> LocalTree:
        return tree

    return scan


async def _digest(context: TransferContext, tree: LocalTree, cache: HashCache) -> LocalDigests:
    """The digests of the local folders, which are remembered then."""
    return await context.workers.run(partial(local_digests, tree, cache, keeps_hashes=False))


async def _ask(client: Client, endpoint: Endpoint, observer: TransferObserver) -> Found | None:
    """The digests of the server's directory; None where it does not tell them."""
    try:
        return await ask_digests(client, endpoint, NOTHING, observer.add_compared)
    except (LoginRequired, LoginFailed, ProtocolViolation):
        raise
    except (Refusal, ConnectionFailed):
        return None
