"""The two places of a transfer: what a person wrote, what that means, and what is there."""

from __future__ import annotations

import os
from typing import Iterable, NamedTuple

import attrs

from homeftp.client.api import Client
from homeftp.client.files.scan import composed
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint, OperatorError
from homeftp.model import Entry

_SEPARATORS = tuple({"/", os.sep, os.altsep or "/"})


class RemotePath(NamedTuple):
    """A place at the server, as a person named it."""

    endpoint: Endpoint
    inside: bool
    """Whether what is meant is what is in it."""


class LocalPath(NamedTuple):
    """A place here, as a person named it."""

    path: str
    name: str
    """What it is called on the wire."""
    inside: bool


class RemoteListing(NamedTuple):
    """What the server has: entries by name, "" for the place itself; empty where there is nothing."""

    entries: dict[str, Entry]
    skipped: list[tuple[str, str]]
    """What is nothing to fetch, such as a link, and why."""
    left_out: list[tuple[str, str]]
    """What should be fetched and cannot, and why."""

    @property
    def kind(self) -> str | None:
        """What the place itself is; None where nothing is."""
        top = self.entries.get("")
        return None if top is None else top.kind


def parse_remote_path(path: str) -> RemotePath:
    """A path at the server; raises `OperatorError` for what cannot be one."""
    trimmed = composed(path).rstrip("/")
    try:
        if path and not trimmed:
            raise BadEndpoint("the endpoint starts with /: it must be relative to the share's root")
        return RemotePath(parse(trimmed), not trimmed or path.endswith("/"))
    except BadEndpoint as error:
        raise OperatorError(error.message) from None


def parse_local_path(path: str) -> LocalPath:
    """A path here."""
    inside = path.endswith(_SEPARATORS) or os.path.basename(path) in (".", "..")
    return LocalPath(path, composed(os.path.basename(os.path.abspath(path))), inside)


async def listing(client: Client, endpoint: Endpoint, *, deep: bool, list_it: bool = True) -> RemoteListing:
    """What is at an endpoint and in it; with `deep` all that is below it.

    What the server skips is left out where it was listed as a directory, which
    the server then could not read, and where its name cannot be carried.
    """
    compared = await client.cmp(str(endpoint))
    there = RemoteListing({}, [], [])
    if compared.remote is not None:
        there.entries[""] = compared.remote
        if list_it and compared.remote.kind == "directory":
            async for page in client.list(str(endpoint), recursive=deep):
                there.entries.update((entry.name, entry) for entry in page.entries)
                for name, reason in page.skipped:
                    lacking = name in there.entries or not _legal(endpoint, name)
                    (there.left_out if lacking else there.skipped).append((name, reason))
    return there


def _legal(endpoint: Endpoint, name: str) -> bool:
    """Whether a name that the server skipped could be carried: it has another reason then, such as being a link."""
    try:
        endpoint.child(name)
    except BadEndpoint:
        return False
    return True


async def listing_for(client: Client, endpoint: Endpoint, names: Iterable[str]) -> RemoteListing:
    """What is at an endpoint, as far as a tree with these directories at its top could touch it.

    So that a few folders pushed to the top of a share do not list the whole of it.
    """
    top = await listing(client, endpoint, deep=False)
    for name in names:
        found = top.entries.get(name)
        if found is not None and found.kind == "directory":
            async for page in client.list(str(endpoint.child(name)), recursive=True):
                for entry in page.entries:
                    inner = attrs.evolve(entry, name=f"{name}/{entry.name}")
                    top.entries[inner.name] = inner
    return top


def child(place: RemotePath, source: LocalPath) -> Endpoint:
    """The endpoint of a source inside a place, under its own name; raises `OperatorError`."""
    check_name(place.endpoint, source.name)
    return place.endpoint.child(source.name)


def check_name(base: Endpoint, name: str) -> None:
    """Raises `OperatorError` for a name that cannot be one inside `base`."""
    try:
        base.child(name)
    except BadEndpoint as error:
        raise OperatorError(f"{error.message}: name the target yourself, or rename it") from None
