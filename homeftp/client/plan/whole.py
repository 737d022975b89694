"""One request for a whole folder: whether it is the same on the server, with everything beneath it."""

from __future__ import annotations

from typing import Mapping

from homeftp.client.api import Client
from homeftp.client.files.digest import known_digest
from homeftp.client.files.hashes import known_hashes
from homeftp.client.files.model import LocalTree
from homeftp.client.plan.local import report_plan
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.metadata import wire_metadata
from homeftp.client.transfer.model import FileResult, FileTask, Outcome, TransferContext, endpoints_below
from homeftp.client.transfer.observer import TransferObserver, unfinished
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.model import TreeDigest
from homeftp.status import Status


async def is_same(
    client: Client, context: TransferContext, tree: LocalTree, endpoint: Endpoint, *, perms: bool = False
) -> bool:
    """Whether the server has the same folder, contents, times and modes of files and modes of folders beneath it.

    With `perms` the mode of the folder itself counts too. False also where one
    request cannot tell: where this machine does not remember all hashes, where
    either side has names that cannot be compared, or the server has a file
    there, or files that are damaged or keep changing. Where it is the same all
    files beneath it count as seen there.
    """
    if tree.failed or "" not in tree.directories:
        return False
    known, digest = await context.workers.run(_known, tree, context.hash_cache)
    if digest is None:
        return False
    mode = [pair for pair in wire_metadata(tree.directories[""], context.disks) if pair[0] == "mode"] if perms else None
    try:
        compared = await client.cmp(str(endpoint), full_digest=digest.full, meta_data=mode)
    except (Changed, WrongKind):
        return False
    there = compared.tree
    if compared.status != Status.SAME or there is None or there.skipped or there.damaged:
        return False
    endpoint_of = endpoints_below(str(endpoint))
    rows = ((endpoint_of(name), known[file.path]) for name, file in tree.files.items())
    await LastSeen(context.seen, context.workers, client).record_all(rows)
    return True


def _known(tree: LocalTree, cache: HashCache | None) -> tuple[Mapping[str, str], TreeDigest | None]:
    """The hashes that this machine remembers of a folder's files, by path, and the digest if these are all."""
    known = known_hashes(cache, list(tree.files.values()))
    return known, known_digest(tree, known)


def report_same(tree: LocalTree, endpoint: Endpoint, observer: TransferObserver) -> None:
    """Report each file of a folder as the same."""
    report_plan(tree, observer)
    endpoint_of = endpoints_below(str(endpoint))
    tasks = (FileTask(name, file, None) for name, file in tree.files.items())
    for task in unfinished(tasks, endpoint_of, observer):
        observer.add_result(FileResult(Outcome.SAME, task.name, task.size), endpoint_of(task.name))
        observer.add_bytes(task.size, moved=False)
