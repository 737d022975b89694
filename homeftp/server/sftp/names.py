"""Paths of clients: how the bytes of a packet name an endpoint, and how an endpoint is told.

SFTP's paths are absolute or relative to `/`, which is the top of what the account may use. They are made plain here,
before anything else sees them: there are no links, so `..` needs no look at the disk.
"""

from __future__ import annotations

import unicodedata

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint


def endpoint_of(path: bytes) -> Endpoint:
    """The endpoint that a path names. Raises `BadEndpoint` (41) for one that no file can have."""
    parts = plain_parts(path)
    return parse("/".join(parts)) if parts else ROOT


def plain_parts(path: bytes) -> list[str]:
    """The parts of a path in Unicode's composed form, without empty ones, `.` and `..`. Raises `BadEndpoint` (41)."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        raise BadEndpoint("names are UTF-8 here") from None
    parts: list[str] = []
    for part in unicodedata.normalize("NFC", text).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def shown_path(parts: list[str]) -> bytes:
    """The absolute path of these parts, as a client is told it."""
    return ("/" + "/".join(parts)).encode()
