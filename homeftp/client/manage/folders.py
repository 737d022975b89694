"""Making folders on the server, as mkdir(1) does."""

from __future__ import annotations

from homeftp.client.api import Client
from homeftp.client.plan.paths import parse_remote_path
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, NotFound, WrongKind
from homeftp.model import ABSENT


async def make_folder(client: Client, path: str, *, parents: bool = False) -> str:
    """Make a folder; returns its endpoint. With `parents` also the folders above it, and it may exist already.

    Without `parents`, raises `Changed` (44) where something exists at the path, and `NotFound` (40) where the folder
    above it does not exist. Raises `WrongKind` (43) where a file is in the way, `Forbidden` (33) and `OperatorError`.
    """
    endpoint = parse_remote_path(path).endpoint
    if parents:
        await client.make_directory(str(endpoint))
        return str(endpoint)
    if client.server_info.may("read"):  # another account is shown nothing of what exists
        if (await client.cmp(str(endpoint))).remote is not None:
            raise Changed(f"{str(endpoint) or 'the shared folder'} exists already")
        above = (await client.cmp(str(endpoint.parent))).remote
        if above is None:
            missing = await _first_missing(client, endpoint.parent)
            raise NotFound(f"{missing} does not exist on the server: add -p to make it too")
        if above.kind == "file":
            raise WrongKind(f"{endpoint.parent} is a file: nothing can be put inside it")
    await client.make_directory(str(endpoint), if_hash=ABSENT)
    return str(endpoint)


async def _first_missing(client: Client, endpoint: Endpoint) -> Endpoint:
    """The uppermost folder that is missing on the way to an endpoint, which itself is missing."""
    for depth in range(1, len(endpoint.parts)):
        folder = endpoint.first(depth)
        if (await client.cmp(str(folder))).remote is None:
            return folder
    return endpoint
