"""The domain values that every layer shares: frozen, without behaviour, and without a trace of wire or disk."""

from __future__ import annotations

from typing import Literal

import attrs

from homeftp.endpoint import Endpoint

ABSENT = "absent"
"""The precondition that nothing is at an endpoint; every other one is a content's hash."""

Kind = Literal["file", "directory"]


@attrs.frozen
class Entry:
    """What is at an endpoint."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    kind: Kind
    size: int = 0
    """Bytes of content; 0 for a directory."""
    mtime_us: int | None = None
    """When the content was last changed: microseconds since 1970 UTC. None: the store does not keep it."""
    mode: int | None = None
    """The nine permission bits. None: the store does not keep them."""
    hash: str | None = None
    """`sha256:` and 64 hexadecimal digits; None where it is not known without reading the file, and for directories."""


@attrs.frozen
class Version:
    """A file that was at an endpoint until it was replaced or removed."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    at_us: int
    """When it was replaced or removed: microseconds since 1970 UTC. Unique among the versions of an endpoint."""
    size: int = 0
    mtime_us: int | None = None
    mode: int | None = None
    hash: str | None = None


@attrs.frozen
class PathLock:
    """What a request touches: an endpoint and everything under it, to read or to change.

    Two claims of one connection may be worked on together when both read, or
    when neither endpoint lies inside the other.
    """

    endpoint: Endpoint
    changes: bool


@attrs.frozen
class Actor:
    """Who asks for something, from where, and by what request: what the audit log says of it."""

    account: str | None = None
    device: str | None = None
    """What the device is called that came in by its certificate; None: a password was given."""
    address: str | None = None
    request: str | None = None
    """The request_type."""


SERVER = Actor()
"""The server itself."""


@attrs.frozen
class Change:
    """One thing that was changed in the share."""

    what: str
    """One of "add", "replace", "delete", "move" and "metadata"."""
    kind: str
    """ "file" or "directory"."""
    endpoint: Endpoint
    actor: Actor
    to: Endpoint | None = None
    """Where it is now, if it was moved."""
    size: int | None = None
    """Bytes that are there now."""
    hash: str | None = None
    """Of what is there now, where it is known."""
    old_size: int | None = None
    """Bytes that were there before, at what is named last."""
    old_hash: str | None = None
    """Of what was there before, where it is known."""


@attrs.frozen(kw_only=True)
class WriteRequest:
    """What is to stand at an endpoint, and on what condition. Checked already, never raw from the wire."""

    endpoint: Endpoint
    size: int = 0
    """Bytes of content; 0 for a directory."""
    hash: str | None = None
    """The declared hash; None: only the size is checked, or the hash comes behind the content."""
    mtime_us: int | None = None
    """Microseconds since 1970 UTC; None: now."""
    mode: int | None = None
    """Permission bits, of which only the nine are kept; None: as new files are made."""
    precondition: str | None = None
    """The hash that must be there, or "absent"; None: whatever is there is replaced."""
    offset: int = 0
    """Bytes of the content that have arrived earlier: what comes now goes behind them."""
    actor: Actor = SERVER
    """Who asks for it; the share that an account sees fills that in where it is not said."""


@attrs.frozen
class ResumePoint:
    """How much of a file has arrived, and what that hashes to."""

    size: int
    hash: str


@attrs.frozen
class ListingPage:
    """Part of a listing."""

    entries: tuple[Entry, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Names, made printable, that cannot be shared, each with the reason."""
