"""What stood at an endpoint, and at those beneath it, before what stands there now: page by page."""

from __future__ import annotations

from typing import Iterator

from homeftp.endpoint import Endpoint, name_problem
from homeftp.model import Version
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.listing import entry_cost, paged
from homeftp.store.local.writes.replacing import Replacing


def history(replacing: Replacing, endpoint: Endpoint) -> Iterator[list[Version]]:
    """The versions, the newest first where they are of one file."""
    try:
        yield from paged(_versions(replacing, endpoint), lambda version: entry_cost(version.name))
    except OSError as error:
        raise refusal(error, endpoint) from error


def _versions(replacing: Replacing, endpoint: Endpoint) -> Iterator[Version]:
    """Those that can be named, and are shared."""
    for shelved in replacing.versions.of(endpoint, below=True):
        if any(map(name_problem, shelved.endpoint.parts)) or replacing.filetypes.problem(shelved.endpoint.name):
            continue
        entry = entry_of(shelved.found, shelved.hash)
        name = "/".join(shelved.endpoint.parts[len(endpoint.parts) :])
        yield Version(name, shelved.at_us, entry.size, entry.mtime_us, entry.mode, entry.hash)
