"""After a download that does not have the hash that the server gave: the server verifies what it has (VERIFY)."""

from __future__ import annotations

from typing import Callable

import msgspec

from homeftp.client.api import Client
from homeftp.errors import Refusal
from homeftp.model import Damage


async def verify_copy(client: Client, endpoint: str) -> str:
    """Have the server verify a file; the result for people, "" if it has no VERIFY. Raises `ConnectionFailed`."""
    if not _can_verify(client):
        return ""
    try:
        found = await _verify(client, endpoint, lambda damage: damage.at_us is None)
    except Refusal as refused:
        return f"The server could not read its copy again: {refused}"
    if found.damage is None and not found.files:  # only versions of it are left
        return f"The server could not read its copy again: {endpoint} does not exist"
    advice = "Push the file again, or restore a version of it"
    return f"The server has read its copy again{found.describe('Get the file again', advice)}"


async def verify_version(client: Client, endpoint: str, content_hash: str | None) -> str:
    """Have the server verify the version of a file that has this hash; the result as of `verify_copy`.

    Where the hash is not known, the first damage to the file or a version of it counts.
    """
    if not _can_verify(client):
        return ""
    try:
        found = await _verify(client, endpoint, lambda damage: content_hash in (None, damage.hash))
    except Refusal as refused:
        return f"The server could not read that version again: {refused}"
    return f"The server has read that version again{found.describe('Get it again', 'Choose another time')}"


class _ReadAgain(msgspec.Struct, frozen=True):
    """The result of a VERIFY of one file."""

    files: int
    """How many files were read: 0 where only versions are left."""
    damage: Damage | None

    def describe(self, again: str, otherwise: str) -> str:
        """The end of a message: the result, and what to do: `again` where the copy is right now, else `otherwise`."""
        if self.damage is None:
            return f", and it is right. {again}"
        return f": it was damaged, and is mended. {again}" if self.damage.mended else f": it is damaged. {otherwise}"


def _can_verify(client: Client) -> bool:
    return "VERIFY" in client.server_info.request_types


async def _verify(client: Client, endpoint: str, is_meant: Callable[[Damage], bool]) -> _ReadAgain:
    """Have the server read a file and its versions again; finds the first damage that `is_meant` accepts."""
    found: Damage | None = None
    files = 0
    async for step in client.verify(endpoint):
        files += step.files
        found = found or next((each for each in step.damages if not each.name and is_meant(each)), None)
    return _ReadAgain(files, found)
