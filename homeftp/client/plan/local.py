"""The local side of a plan: stat and scan in a worker, with errors for people; and what is reported of both sides."""

from __future__ import annotations

import os
import shlex
from functools import partial
from typing import Any, Callable, Collection, Coroutine

from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.names import local_name
from homeftp.client.files.scan import scan, stat_path
from homeftp.client.plan.listing import RemoteListing
from homeftp.client.selection import Selection, Selector
from homeftp.client.transfer.model import FileResult, Outcome, TransferContext, TransferOptions
from homeftp.client.transfer.observer import TransferObserver
from homeftp.errors import OperatorError
from homeftp.hashing.foldertable import FolderTable


async def stat_if_exists(context: TransferContext, path: str) -> FileStat | None:
    """The stat of a path, None where nothing exists; raises `OperatorError` where it cannot be read."""
    try:
        return await context.workers.run(stat_path, path)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None


async def stat_existing(context: TransferContext, path: str) -> FileStat:
    """The stat of a path; raises `OperatorError` where nothing exists or it cannot be read."""
    found = await stat_if_exists(context, path)
    if found is None:
        raise await missing(context, path)
    return found


async def missing(context: TransferContext, path: str) -> OperatorError:
    """The error for a path at which nothing exists."""
    if any(character in path for character in "*?["):
        return OperatorError(f"nothing on this machine matches {path}")
    if await context.workers.run(os.path.islink, path):
        return OperatorError(f"{path} is a symbolic link that leads nowhere: its target does not exist")
    return OperatorError(f"{path} does not exist")


async def scan_if_exists(
    context: TransferContext,
    path: str,
    selection: Selection,
    parts: Collection[str] = ("",),
    *,
    folders: FolderTable | None = None,
) -> LocalTree:
    """The selected tree of a folder, or of `parts` of it, as `scan` finds it; empty where nothing exists.

    Raises `OperatorError` for a file.
    """
    if await stat_if_exists(context, path) is None:
        return LocalTree(path, selector=Selector(selection))
    try:
        return await context.workers.run(scan, path, selection, parts, folders)
    except NotADirectoryError:
        raise OperatorError(f"{path} is a file: a folder cannot replace it") from None


def scanner(
    context: TransferContext, path: str, selection: Selection, parts: Collection[str] = ("",)
) -> Callable[[FolderTable | None], Coroutine[Any, Any, LocalTree]]:
    """A function that scans a folder for a survey: `scan_if_exists` with the folders that are known."""
    return lambda folders: scan_if_exists(context, path, selection, parts, folders=folders)


async def path_inside(context: TransferContext, folder: str, name: str, *, strict_names: bool) -> str:
    """The local path of a name on the wire in a folder."""
    return os.path.join(folder, await context.workers.run(partial(local_name, folder, name, strict=strict_names)))


def require_file(found: FileStat, path: str) -> None:
    """Raise `OperatorError` for a device, pipe or socket."""
    if not found.is_file:
        raise OperatorError(
            f"{path} is a device, a pipe or a socket. To send what it gives: homeftp push - NAME:PATH < "
            f"{shlex.quote(path)}"
        )


def require_recursive(options: TransferOptions, path: str) -> None:
    """Raise `OperatorError` for a folder `path` that was named without --recursive."""
    if not options.recursive:
        raise OperatorError(f"{path} is a folder: add -r to transfer it with its content")


def report_plan(side: LocalTree | RemoteListing, observer: TransferObserver) -> None:
    """Report how many files of how many bytes are transferred from a side, and what is not."""
    if isinstance(side, LocalTree):
        sizes = (file.size for file in side.files.values())
    else:
        sizes = (entry.size for entry in side.entries.values() if entry.kind == "file")
    count = total = 0
    for size in sizes:
        count += 1
        total += size
    observer.on_plan(count, total)
    report_excluded(side, observer)


def report_excluded(side: LocalTree | RemoteListing, observer: TransferObserver) -> None:
    """Report what of a side is not transferred, and why."""
    for name in side.partials if isinstance(side, LocalTree) else ():
        reason = "is a partial download: run the get again to finish it, or remove it"
        observer.add_result(FileResult(Outcome.SKIPPED, name, 0, reason, kind="other"))
    for name, reason in side.skipped:
        observer.add_result(FileResult(Outcome.SKIPPED, name, 0, reason, kind="other"))
    for name, reason in side.failed:
        observer.add_result(FileResult(Outcome.FAILED, name, 0, reason, kind="other"))
