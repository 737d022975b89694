"""The server's files that a path to be removed stands for."""

from __future__ import annotations

from typing import Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.plan.globs import expand_pattern
from homeftp.client.plan.listing import existing_entry
from homeftp.client.plan.paths import parse_remote_path
from homeftp.errors import WrongKind
from homeftp.model import Entry


def names_everything(path: str) -> bool:
    """Whether a path or pattern means all that is on the server, so that a program should ask before it removes it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return not parts or (len(parts) == 1 and not parts[0].strip("*"))


async def find_removable(client: Client, path: str, *, recursive: bool) -> Sequence[Entry]:
    """The files and directories that a path or pattern means, each with its endpoint as its name.

    The top of the store means everything in it, because it cannot be removed itself. `Client.remove` removes what was
    found. Raises `NotFound` (40), `WrongKind` (43) for a directory unless `recursive`, and `OperatorError`.
    """
    found = []
    for each in await expand_pattern(client, path):
        parsed = parse_remote_path(each)
        endpoint = str(parsed.endpoint)
        entry = await existing_entry(client, parsed.endpoint)
        if entry.kind == "directory" and not recursive:
            raise WrongKind(f"{endpoint or 'the shared folder'} is a folder: add -r to remove it with its content")
        if entry.kind == "file" and each.endswith("/"):
            raise WrongKind(f"{endpoint} is a file, not a folder")
        if endpoint:
            found.append(structs.replace(entry, name=endpoint))
        else:
            found += [entry async for page in client.list("") for entry in page.entries if entry.name]
    return found
