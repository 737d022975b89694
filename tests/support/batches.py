"""Batches as a client of the protocol page makes and reads them: without the code under test."""

from __future__ import annotations

import json
from typing import Any, Sequence

from homeftp.wire.messages import Response
from tests.support.inmemory import Connection
from tests.support.verbs import digest


def push_entry(name: str, content: bytes | None = b"", **more: Any) -> bytes:
    """A file, or a directory where `content` is None, as an entry of a PUSH; `more` replaces its parameters."""
    line: dict[str, Any] = {"name": name, "kind": "directory"}
    if content is not None:
        line = {"name": name, "content_length": len(content), "hash": digest(content)}
    return json.dumps({**line, **more}).encode() + b"\n" + (content or b"")


def parse_entries(payload: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """The entries of a payload, each with the bytes behind it."""
    entries = []
    while payload:
        line, _, payload = payload.partition(b"\n")
        entry = json.loads(line)
        size = entry.get("content_length", 0)
        assert len(payload) >= size, (entry, payload)
        entries.append((entry, payload[:size]))
        payload = payload[size:]
    return entries


def push_batch(
    connection: Connection, base: str, entries: Sequence[bytes], **more: Any
) -> tuple[Response, list[dict[str, Any]], list[dict[str, Any]]]:
    """PUSH a batch: the answer, what was refused, and what is other than asked for."""
    connection.send("PUSH", {"rel_endpoint": base, "kind": "batch", **more}, b"".join(entries))
    *interim, answer = connection.responses()
    refused = [each for response in interim for each in response.body.get("refused", [])]
    differing = [each for response in interim for each in response.body.get("differing", [])]
    return answer, refused, differing


def get_batch(
    connection: Connection, base: str, names: Sequence[str] = (), **more: Any
) -> tuple[Response, list[tuple[dict[str, Any], bytes]]]:
    """GET a batch: the answer, and the entries."""
    payload = b"".join(json.dumps({"name": name}).encode() + b"\n" for name in names)
    connection.send("GET", {"rel_endpoint": base, "batch": True, **more}, payload)
    *interim, (answer, _) = connection.answers()
    return answer, [entry for _, payload in interim for entry in parse_entries(payload)]
