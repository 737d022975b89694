"""What is to get a name in the share, or to lose it; and what the audit log is to hear when it has."""

from __future__ import annotations

import os
from typing import NamedTuple, Protocol

import attrs

from homeftp.store.jail import Place
from homeftp.store.keeping import Kept
from homeftp.values import By, Change, Put
from homeftp.wire.endpoint import Endpoint


class Source(Protocol):
    """A file under a name of our own."""

    directory: int
    name: bytes

    def renamed(self) -> None:
        """It has another name now."""


@attrs.frozen
class Leaving:
    """Something of the share that is to lose its name."""

    place: Place
    endpoint: Endpoint
    expected: str | None
    """The signature of what `hash` names, where that is given."""
    hash: str | None = None
    """What it must have, where that is asked for."""
    inode: int | None = None
    """Its number, where it must be the one that was looked at."""


@attrs.frozen(kw_only=True)
class Arrival:
    """A file that is durable under a name of our own, and is to have another."""

    source: Source
    place: Place
    """The directory that it is to be in."""
    endpoint: Endpoint
    if_hash: str | None
    expected: str | None
    """The signature of what `if_hash` names, where it names a content."""
    hash: str | None
    """Of its own content; nothing is kept of an old one that is the same."""
    size: int
    """Its own bytes."""
    by: By
    """Who asks for it."""
    leaves: Leaving | None = None
    """What it is called now, where it is a file of the share."""
    counted: bool = False
    """Whether its bytes were the share's already."""


def arrival_of(put: Put, source: Source, place: Place, expected: str | None, content_hash: str) -> Arrival:
    """What was put, once it is durable."""
    return Arrival(
        source=source,
        place=place,
        endpoint=put.endpoint,
        if_hash=put.if_hash,
        expected=expected,
        hash=content_hash,
        size=put.size,
        by=put.by,
    )


class Standing(NamedTuple):
    """What has a name that something else is to have."""

    found: os.stat_result | None
    kept: Kept | None


def named(arrival: Arrival, stood: Standing) -> Change:
    """What has been done when it has its name."""
    if arrival.leaves is not None:
        what, endpoint, to, content_hash = "move", arrival.leaves.endpoint, arrival.endpoint, arrival.leaves.hash
    else:
        what, endpoint, to, content_hash = "add", arrival.endpoint, None, arrival.hash
    if stood.found is None:
        return Change(what, "file", endpoint, arrival.by, to, arrival.size, content_hash)
    return Change(
        "replace" if to is None else what,
        "file",
        endpoint,
        arrival.by,
        to,
        arrival.size,
        content_hash,
        stood.found.st_size,
        arrival.if_hash,
    )


def removed(leaving: Leaving, found: os.stat_result, by: By) -> Change:
    """What has been done when it has lost its name."""
    return Change("delete", "file", leaving.endpoint, by, old_size=found.st_size, old_hash=leaving.hash)
