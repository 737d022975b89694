"""The writer that gave an endpoint its present content."""

from __future__ import annotations

import msgspec


class Writer(msgspec.Struct, frozen=True):
    """The account that stored a content, as far as that is known, and may be told."""

    account: str
    device: str | None
    """The name of its paired device; None after a login by password."""
    at_us: int
    """When it was stored: microseconds since 1970 UTC, by the server's clock."""
