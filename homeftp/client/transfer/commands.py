"""What `push`, `get` and `cmp` do: from the places that a person names to the files that move.

Where things go. A file goes to the target's own name, or inside it under the
file's name when the target is a directory already, ends in `/`, is the top of
the share, or when there are several sources. A directory maps exactly onto
the target, whether that is there or not, so that `push -r lib nas:lib` and
`get -r nas:lib out` make equal trees; it goes inside under its own name when
the target ends in `/`, is the top of the share or `.`, or when there are
several sources. A source that ends in `/`, `.` or is the top of the share
stands for what is in it.
"""

from __future__ import annotations

import os
from typing import Any, Coroutine, Sequence, TypeVar, cast

from twisted.internet.defer import Deferred, FirstError, gatherResults

from homeftp.client.api import Client
from homeftp.client.files.read import FileStat, LocalTree
from homeftp.client.files.scan import glimpse, look, scan, spelled_in
from homeftp.client.files.write import DownloadTarget
from homeftp.client.transfer.cmp import CompareTransfer
from homeftp.client.transfer.get import GetTransfer
from homeftp.client.transfer.model import FileResult, Outcome, TransferContext, TransferObserver, TransferOptions, below
from homeftp.client.transfer.paths import (
    LocalPath,
    RemoteListing,
    RemotePath,
    check_name,
    child,
    listing,
    listing_for,
    parse_local_path,
    parse_remote_path,
)
from homeftp.client.transfer.push import PushTransfer
from homeftp.client.transfer.retry import persist_transfer
from homeftp.endpoint import Endpoint
from homeftp.errors import NotFound, OperatorError, WrongKind
from homeftp.model import Entry

T = TypeVar("T")
U = TypeVar("U")


async def push(
    client: Client,
    tools: TransferContext,
    sources: Sequence[str],
    target: str,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    """Send files, and directories where `choices.recursive`, to `target`.

    Goes on over a new connection when one breaks and `tools.line` makes
    another. Raises `OperatorError` for what cannot be meant, before anything is sent.
    """
    await persist_transfer(client, tools, watch, lambda client: _push(client, tools, sources, target, choices, watch))


async def _push(
    client: Client,
    tools: TransferContext,
    sources: Sequence[str],
    target: str,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    client.need("to push", "add", "replace")
    place = parse_remote_path(target)
    inside = place.inside or len(sources) > 1
    files: list[tuple[str, FileStat]] = []
    folders: list[tuple[LocalPath, Endpoint]] = []
    for source in map(parse_local_path, sources):
        found = await _look(tools, source.path)
        if found.is_folder:
            _need_recursive(choices, source.path)
            folders.append((source, child(place, source) if inside and not source.inside else place.endpoint))
        elif source.inside:
            raise OperatorError(f"{source.path} is no folder")
        else:
            _need_file(found, source.path)
            files.append((source.name, found))
    if files:
        await _push_files(client, tools, files, place._replace(inside=inside), choices, watch)
    for source, endpoint in folders:
        await _push_tree(client, tools, source.path, endpoint, choices, watch)


async def _push_files(
    client: Client,
    tools: TransferContext,
    files: Sequence[tuple[str, FileStat]],
    place: RemotePath,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    """Single files: inside the place, or one exactly at it."""
    there = await listing(client, place.endpoint, deep=False, list_it=place.inside)
    if place.inside or there.kind == "directory":
        if not place.inside:
            there = await listing(client, place.endpoint, deep=False)
        if there.kind == "file":
            raise WrongKind(f"{place.endpoint} is a file: nothing can be put inside it")
        base, remote, named = place.endpoint, there.entries, list(files)
    else:
        name = place.endpoint.name
        base, named = place.endpoint.parent, [(name, files[0][1])]
        remote = {name: there.entries[""]} if there.entries else {}
    tree = LocalTree("")
    for name, file in named:
        check_name(base, name)
        if name in tree.files:
            raise OperatorError(f"two of the files are called {name}: push one of them elsewhere")
        tree.files[name] = file._replace(name=name)
    await _run_push(client, tools, base, tree, remote, choices, watch)


async def _push_tree(
    client: Client,
    tools: TransferContext,
    path: str,
    endpoint: Endpoint,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    scanning = tools.workers.run(scan, path)
    if endpoint.parts:
        tree, there = await _both(scanning, listing(client, endpoint, deep=True))
    else:
        tree = await scanning
        there = await listing_for(client, endpoint, [name for name in tree.directories if name and "/" not in name])
    if there.kind == "file":
        raise WrongKind(f"{endpoint} is a file: a folder cannot take its place")
    await _run_push(client, tools, endpoint, tree, there.entries, choices, watch)


async def _run_push(
    client: Client,
    tools: TransferContext,
    base: Endpoint,
    tree: LocalTree,
    remote: dict[str, Entry],
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    watch.on_plan(len(tree.files), sum(file.size for file in tree.files.values()))
    _tell_missed(tree, watch)
    await PushTransfer(client, tools, below(str(base)), tree, remote, choices, watch).run()


async def get(
    client: Client,
    tools: TransferContext,
    sources: Sequence[str],
    target: str,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    """Fetch files, and directories where `choices.recursive`, to the local path `target`.

    Goes on over a new connection as `push` does. Raises `NotFound` (40) and
    `OperatorError` before anything is fetched.
    """
    await persist_transfer(client, tools, watch, lambda client: _get(client, tools, sources, target, choices, watch))


async def _get(
    client: Client,
    tools: TransferContext,
    sources: Sequence[str],
    target: str,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    client.need("to get", "read")
    place = parse_local_path(target)
    inside = place.inside or len(sources) > 1
    found: list[tuple[RemotePath, RemoteListing]] = []
    for source in map(parse_remote_path, sources):
        there = await listing(client, source.endpoint, deep=False, list_it=False)
        if there.kind is None:
            raise NotFound(f"{source.endpoint} does not exist at the server")
        if there.kind == "directory":
            _need_recursive(choices, str(source.endpoint) or "the share")
        elif source.inside:
            raise WrongKind(f"{source.endpoint} is a file, no directory")
        found.append((source, there))
    for source, there in found:
        if there.kind == "file":
            await _get_file(client, tools, source, there.entries[""], place._replace(inside=inside), choices, watch)
        else:
            path = place.path
            if inside and not source.inside:
                path = await tools.workers.run(_inside, path, source.endpoint.name)
            await _get_tree(client, tools, source.endpoint, path, choices, watch)


def _inside(folder: str, name: str) -> str:
    """In a worker: the path of what is called `name` on the wire, in a folder."""
    return os.path.join(folder, spelled_in(folder, name))


async def _get_file(
    client: Client,
    tools: TransferContext,
    source: RemotePath,
    entry: Entry,
    place: LocalPath,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    if place.inside or await tools.workers.run(os.path.isdir, place.path):
        folder, name = place.path, source.endpoint.name
    else:
        folder, name = os.path.split(place.path)
    tree = await tools.workers.run(glimpse, folder or ".", [name])
    endpoint = str(source.endpoint)
    landing = DownloadTarget(folder or ".", tools.system, tools.index, tree.spelled)
    watch.on_plan(1, entry.size)
    await GetTransfer(client, tools, lambda _: endpoint, {name: entry}, tree, landing, choices, watch).run()


async def _get_tree(
    client: Client,
    tools: TransferContext,
    endpoint: Endpoint,
    path: str,
    choices: TransferOptions,
    watch: TransferObserver,
) -> None:
    there = await listing(client, endpoint, deep=True)
    if not endpoint.parts:
        del there.entries[""]
    tree = await _scan_if_there(tools, path)
    _plan_remote(there, watch)
    landing = DownloadTarget(path, tools.system, tools.index, tree.spelled)
    await GetTransfer(client, tools, below(str(endpoint)), there.entries, tree, landing, choices, watch).run()


async def cmp(
    client: Client,
    tools: TransferContext,
    local: str,
    remote: str,
    watch: TransferObserver,
    *,
    local_first: bool = True,
) -> None:
    """Compare a local file or directory with the server's; the second place is found as a transfer would find it.

    Goes on over a new connection as `push` does. Raises `OperatorError` when there
    is nothing at the first place, `NotFound` (40) when that is the server's.
    """
    await persist_transfer(client, tools, watch, lambda client: _cmp(client, tools, local, remote, watch, local_first))


async def _cmp(
    client: Client, tools: TransferContext, local: str, remote: str, watch: TransferObserver, local_first: bool
) -> None:
    client.need("to compare", "read")
    here, there = parse_local_path(local), parse_remote_path(remote)
    found = await _look_if_there(tools, local)
    if local_first and found is None:
        raise OperatorError(f"{local} does not exist")
    endpoint, path = there.endpoint, here.path
    if local_first and there.inside and not here.inside:
        endpoint = child(there, here)
    elif not local_first and here.inside and not there.inside:
        path = await tools.workers.run(_inside, here.path, there.endpoint.name)
        found = await _look_if_there(tools, path)
    listed = await listing(client, endpoint, deep=True)
    if not local_first and listed.kind is None:
        raise NotFound(f"{endpoint} does not exist at the server")
    is_folder = found is not None and found.is_folder
    if found is not None and not is_folder:
        _need_file(found, path)
    if (is_folder and listed.kind == "file") or (found is not None and not is_folder and listed.kind == "directory"):
        watch.item(
            FileResult(Outcome.DIFFERS, "", reason="one is a file, the other a folder", differs=("kind",), kind="other")
        )
    elif listed.kind == "directory" or is_folder:
        tree = await _scan_if_there(tools, path)
        if not endpoint.parts and found is not None:
            del listed.entries[""], tree.directories[""]
        _plan_remote(listed, watch)
        _tell_missed(tree, watch)
        unread = {name for name, _ in tree.left_out + listed.left_out}
        await CompareTransfer(client, tools, below(str(endpoint)), tree, listed.entries, watch, unread).run()
    else:
        tree = LocalTree(path)
        if found is not None:
            tree.files[""] = found
        await CompareTransfer(client, tools, below(str(endpoint)), tree, listed.entries, watch).run()


async def _both(here: Deferred[T], there: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Both results; the waiting is done together."""
    coming = Deferred.fromCoroutine(there)
    try:
        results = await gatherResults(cast("list[Deferred[Any]]", [here, coming]), consumeErrors=True)
    except FirstError as error:
        raise error.subFailure.value or error from None
    return results[0], results[1]


async def _look_if_there(tools: TransferContext, path: str) -> FileStat | None:
    try:
        return await tools.workers.run(look, path)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None


async def _look(tools: TransferContext, path: str) -> FileStat:
    found = await _look_if_there(tools, path)
    if found is None:
        raise OperatorError(f"{path} does not exist")
    return found


async def _scan_if_there(tools: TransferContext, path: str) -> LocalTree:
    if await _look_if_there(tools, path) is None:
        return LocalTree(path)
    try:
        return await tools.workers.run(scan, path)
    except NotADirectoryError:
        raise OperatorError(f"{path} is a file: a folder cannot take its place") from None


def _plan_remote(there: RemoteListing, watch: TransferObserver) -> None:
    sizes = [entry.size for entry in there.entries.values() if entry.kind == "file"]
    watch.on_plan(len(sizes), sum(sizes))
    _tell_missed(there, watch)


def _tell_missed(place: LocalTree | RemoteListing, watch: TransferObserver) -> None:
    """What of a place is not looked at."""
    for name in place.drafts if isinstance(place, LocalTree) else ():
        reason = "is what a get left that was cut off: get that again to finish it, or remove this"
        watch.item(FileResult(Outcome.SKIPPED, name, 0, reason, kind="other"))
    for name, reason in place.skipped:
        watch.item(FileResult(Outcome.SKIPPED, name, 0, reason, kind="other"))
    for name, reason in place.left_out:
        watch.item(FileResult(Outcome.FAILED, name, 0, reason, kind="other"))


def _need_file(found: FileStat, path: str) -> None:
    if not found.is_file:
        raise OperatorError(
            f"{path} is neither a file nor a folder: to send what comes out of it, push - and pipe it in"
        )


def _need_recursive(choices: TransferOptions, path: str) -> None:
    if not choices.recursive:
        raise OperatorError(f"{path} is a folder: say -r to take it with all that is in it")
