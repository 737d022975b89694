"""The hash of a file on the server, which the server computes where it does not know it."""

from __future__ import annotations

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.errors import Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry

_ANY_HASH = hash_bytes(b"")
"""A hash to compare with, so that the answer has the file's own."""


async def hashed_entry(client: Client, endpoint: str) -> Entry | None:
    """The entry of a file on the server with its hash; None where nothing exists. Raises what `Client.cmp` raises."""
    return (await client.cmp(endpoint, hash=_ANY_HASH)).remote


async def hash_there(client: Client, endpoint: str) -> str:
    """The hash of a file on the server; "" where it cannot give one.

    Raises `ShuttingDown` (54) and `ConnectionFailed`.
    """
    found = await answer_or_refusal(hashed_entry(client, endpoint))
    return "" if found is None or isinstance(found, Refusal) else found.hash or ""
