"""The keys by which `timelines.py` lists what the names of a directory have and had, and where it looks for them.

A key is a name with a mark of what is known of it, so that the order of keys is that of the listing.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.history.timeline import Restoration
from homeftp.model import Entry, Version
from homeftp.store.local.disk.sortednames import ListingLevel
from homeftp.store.local.versions.naming import Names

MARK = b"\0"
"""Between a name and what is known of it: no name has this, and it sorts before all letters."""

FOLDER, CURRENT = b"/", b"~"
"""Marks of a name: versions are beneath it, and it is there now. Between them, in the order of bytes, are the times."""

TIME = b"%020d"
"""The mark of a version: its time."""


class FoundKey(NamedTuple):
    """The files and versions of one key of a directory."""

    key: bytes
    value: Version | Restoration | Entry | str | None
    """A version, or when one was put back, or what is there now, or why that is not offered; None for a folder of
    versions, and for what has gone."""
    made_us: int | None = None

    @property
    def name(self) -> bytes:
        """The name without what is known of it."""
        return self.key.partition(MARK)[0]


@attrs.define(eq=False)
class TimelineLevel(ListingLevel[FoundKey]):
    """A directory whose names are being listed. What its names are here are keys."""

    endpoint: Endpoint
    prefix: str
    """The prefix of names in it, relative to the requested endpoint."""
    hidden: frozenset[str]
    """The folded forms of names in it that are left out."""
    only: str | None = None
    """The only name that is asked for, which is the requested endpoint's own."""
    last: bytes = b""
    """The last name of which a part was given."""
    leads_on: bool = False
    """Whether something may be beneath that name."""

    def relative(self, name: str) -> str:
        """A name in it, relative to the requested endpoint."""
        return self.prefix + name if self.only is None else ""


class Place(msgspec.Struct, frozen=True):
    """A directory and its folders of versions, while its names are read, or some of them are looked up."""

    directory: int
    """Its descriptor; -1 where it does not exist any more."""
    mount: Endpoint
    versions: int
    """The descriptor of the versions of its file system; -1 where it has none."""
    days: tuple[bytes, ...]
    """The days to look for versions in."""
    names: Names
    """Its path from the top of its file system."""
