"""After a download that does not have the hash that the server gave: the server verifies its copy (VERIFY)."""

from __future__ import annotations

from homeftp.client.api import Client
from homeftp.errors import Refusal
from homeftp.model import Damage


async def verify_copy(client: Client, endpoint: str) -> str:
    """Have the server verify a file; the result for people, "" if it has no VERIFY. Raises `ConnectionFailed`."""
    if "VERIFY" not in client.server_info.request_types:
        return ""
    found: Damage | None = None
    read = 0
    try:
        async for step in client.verify(endpoint):
            read += step.files
            own = (damage for damage in step.damages if not damage.name and damage.at_us is None)
            found = found or next(own, None)
    except Refusal as refused:
        return f"The server could not read its copy again: {refused}"
    if found is None and not read:  # only versions of it are left
        return f"The server could not read its copy again: {endpoint} does not exist"
    if found is None:
        return "The server has read its copy again, and it is right. Get the file again"
    if found.mended:
        return "The server has read its copy again: it was damaged, and is mended. Get the file again"
    return "The server has read its copy again: it is damaged. Push the file again, or restore a version of it"
