"""Asking the server who stored a file, to tell a person who decides about a conflict. No program decides by it."""

from __future__ import annotations

from typing import Any

import msgspec

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.client.connection.replies import understood
from homeftp.errors import Refusal
from homeftp.history.writer import Writer
from homeftp.wire.history import WriterBody
from homeftp.wire.messages import EntryBody

__all__ = ["Writer", "find_writer"]


class _Written(msgspec.Struct, frozen=True):
    """The parts of the answer to CMP that are used here."""

    remote: EntryBody | None = None
    writer: WriterBody | None = None


async def find_writer(client: Client, endpoint: str, content_hash: str | None) -> Writer | None:
    """The writer of that content at an endpoint; None where the server does not know it, or does not tell.

    Raises `ShuttingDown` (54) and `ConnectionFailed`.
    """
    if content_hash is None:
        return None
    answer = await answer_or_refusal(_ask(client, endpoint, content_hash))
    if isinstance(answer, Refusal):
        return None
    found = understood(answer, _Written, "the answer to CMP")
    is_this = found.remote is not None and found.remote.hash == content_hash
    return found.writer.value() if is_this and found.writer is not None else None


async def _ask(client: Client, endpoint: str, content_hash: str) -> dict[str, Any]:
    return (await client.request("CMP", {"rel_endpoint": endpoint, "hash": content_hash, "writer": True}).last()).body
