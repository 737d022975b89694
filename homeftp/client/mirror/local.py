"""Deleting on this machine what only this machine has. Nothing keeps it."""

from __future__ import annotations

import errno
from typing import Mapping

from homeftp.client.files.model import LocalTree
from homeftp.client.files.remove import remove_local
from homeftp.client.files.write import DownloadTarget, LocalMetadata
from homeftp.client.transfer.model import DeletionPlan, FileResult, Outcome, TransferContext
from homeftp.client.transfer.observer import TransferObserver
from homeftp.model import Entry

_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
"""The errors of rmdir(2) for a folder that is not empty."""


async def delete_local(
    context: TransferContext,
    tree: LocalTree,
    remote: Mapping[str, Entry],
    plan: DeletionPlan,
    observer: TransferObserver,
) -> None:
    """Delete what a plan names from the folder of `tree`; what has changed stays."""
    files = [tree.files[name] for name in plan.files]
    run = context.workers.run
    results = await run(remove_local, tree.path, context.system, tree.local_names, files, plan.directories)
    directories = set(plan.directories)
    for name, failure in results:
        kind = "directory" if name in directories else "file"
        if isinstance(failure, OSError) and failure.errno in _NOT_EMPTY:
            continue  # it holds what the selection leaves out
        if failure is None:
            observer.add_result(FileResult(Outcome.DELETED, name, kind=kind))
        else:
            reason = failure.strerror if isinstance(failure, OSError) else str(failure)
            observer.add_result(FileResult(Outcome.FAILED, name, 0, f"not deleted: {reason}", kind=kind))
    # The times of the folders that are left have changed.
    changed = {name.rpartition("/")[0] for name, _ in results}
    left = [entry for name, entry in remote.items() if name in changed and entry.kind == "directory"]
    folder = DownloadTarget(tree.path, context.system, context.hash_cache, tree.local_names)
    await run(folder.set_directory_metadata, [LocalMetadata(entry.name, entry.mtime_us, None) for entry in left])
    await run(folder.sync)
