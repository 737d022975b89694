"""Moving files and folders on the server, as mv(1) does, but it replaces no file without a question."""

from __future__ import annotations

from typing import Awaitable, Callable, Sequence

import attrs

from homeftp.client.api import Client
from homeftp.client.plan.globs import expand_pattern
from homeftp.client.plan.listing import existing_entry
from homeftp.client.plan.paths import RemotePath, parse_remote_path
from homeftp.client.remotehash import hashed_entry
from homeftp.client.seen.lastseen import LastSeen
from homeftp.endpoint import Endpoint
from homeftp.errors import OperatorError, WrongKind
from homeftp.model import ABSENT, Entry


@attrs.frozen
class PlannedMove:
    """One file or folder, and where it goes."""

    source: str
    """Its endpoint."""
    target: str
    """The endpoint that it gets."""
    entry: Entry
    """The entry at `source`."""


async def plan_moves(client: Client, sources: Sequence[str], target: str) -> Sequence[PlannedMove]:
    """Where each source goes: to the target's own name, or inside the target.

    It goes inside where the target is a folder, ends in `/`, is the top of the store, or where there are several
    sources. A source may be a pattern. Raises `NotFound` (40), `WrongKind` (43), `OperatorError`.
    """
    parsed = parse_remote_path(target)
    found = [parse_remote_path(each) for source in sources for each in await expand_pattern(client, source)]
    existing = (await client.cmp(str(parsed.endpoint))).remote
    inside = parsed.inside or len(found) > 1
    if existing is not None and existing.kind == "file" and inside:
        raise WrongKind(f"{parsed.endpoint} is a file: nothing can be moved into it")
    inside = inside or (existing is not None and existing.kind == "directory")
    moves: dict[Endpoint, PlannedMove] = {}
    for source in found:
        entry = await _existing(client, source)
        endpoint = parsed.endpoint.child(source.endpoint.name) if inside else parsed.endpoint
        _check(source.endpoint, endpoint)
        move = PlannedMove(str(source.endpoint), str(endpoint), entry)
        other = moves.setdefault(endpoint, move).source
        if other != move.source:
            raise OperatorError(f"{other} and {move.source} would both become {endpoint}: move them one by one")
    return list(moves.values())


async def _existing(client: Client, source: RemotePath) -> Entry:
    if not source.endpoint.parts:
        raise OperatorError("the shared folder itself cannot be moved: name the files and folders in it")
    entry = await existing_entry(client, source.endpoint)
    if entry.kind == "file" and source.inside:
        raise WrongKind(f"{source.endpoint} is a file, not a folder")
    return entry


def _check(source: Endpoint, target: Endpoint) -> None:
    if source == target:
        raise OperatorError(f"{source} already exists: name another target")
    if target.parts[: len(source.parts)] == source.parts:
        raise OperatorError(f"{source} cannot be moved into itself")


async def carry_out_move(
    client: Client, move: PlannedMove, *, may_replace: Callable[[str, Entry], Awaitable[bool]], seen: LastSeen
) -> Entry | None:
    """Move one file or folder; returns the entry at its new endpoint, None where it would replace a file and may not.

    `may_replace` is asked with the target and the file there, which the server replaces only if it is the same then;
    it becomes a version. What this machine has `seen` of the source it has seen at the target then. Raises `WrongKind`
    (43) where the target is a folder, `Changed` (44), and `Forbidden` (33).
    """
    existing = (await client.cmp(move.target)).remote
    if existing is not None:
        _check_replaceable(move, existing)
        if existing.hash is None and existing.damaged is None:
            existing = await hashed_entry(client, move.target)
    if_to: str | None = ABSENT
    if existing is not None:
        if not await may_replace(move.target, existing):
            return None
        if_to = existing.hash or existing.damaged or None
    if_hash = move.entry.hash if move.entry.kind == "file" else None
    moved = await client.move(move.source, move.target, if_hash=if_hash, if_to=if_to)
    await seen.moved(move.source, move.target)
    return moved


def _check_replaceable(move: PlannedMove, existing: Entry) -> None:
    if existing.kind == "directory":
        raise WrongKind(f"{move.target} is a folder: nothing replaces a folder")
    if move.entry.kind == "directory":
        raise WrongKind(f"{move.target} is a file: a folder cannot replace it")
