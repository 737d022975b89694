"""From a directory that differs to those in it that do: each is compared by its digests, many at once, then listed.

Every comparison of a directory makes the server look at all beneath it. So a directory that differs is cut into
pieces that are much smaller than itself, and each round of comparisons looks at less than the one before. Pieces whose
digests the server has told with those of a directory around them need no comparison.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Callable, Collection, Iterable, Sequence

from msgspec import structs

from homeftp.client.api import Client
from homeftp.client.askeddigests import Found, ask_digests
from homeftp.client.batches import in_batches
from homeftp.client.files.digest import LocalDigests
from homeftp.client.plan.listing import RemoteListing, add_entries, entry_table
from homeftp.endpoint import Endpoint
from homeftp.errors import Forbidden, NotFound, WrongKind
from homeftp.model import Entry, TreeDigest

_FEW_FILES = 256
"""A directory with at most so many files is listed where it differs: its pieces are not worth a round of requests."""

_PIECES = 8
"""A piece has at most this part of the files of the directory that it is cut from."""

_REQUEST_ENTRIES = 16
"""Entries of a listing that cost both sides as much as a request."""

_MOST_UNKNOWN = 4
"""Where the hashes of more than one in so many files are not remembered here, all is listed."""

_NOT_LISTED = (Forbidden, NotFound, WrongKind)
"""After these a directory beneath the top has no entries: its parent's listing, or what is sent, tells the rest."""


class Descent:
    """Finds out which directories of the server are the same as the `local` ones, and lists the others.

    It begins at `parts` of the server's directory `endpoint`, by default at the directory itself, and adds to `listing`
    what is beneath them; their own entries are in there. `top` is what was found there, if that is known.
    """

    def __init__(
        self,
        client: Client,
        endpoint: Endpoint,
        local: LocalDigests,
        listing: RemoteListing,
        top: Found | None = None,
        parts: Collection[str] = ("",),
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._local = local
        self._top = None if top is None else top.tree
        self._reported = {} if top is None else dict(top.directories)
        """The digests of the server's directories, as far as it has told them with those of others."""
        self._parts = [name for name in parts if name in local.digests and listing.kind_of(name) == "directory"]
        self.listing = listing
        """The server's entries, except beneath directories that are the same."""
        self.same: set[str] = set()
        """The directories that are the same with everything beneath them."""
        self._listed: list[str] = []
        """Directories whose entries are listed."""
        self._listed_whole: list[str] = []
        """Directories that are listed with all beneath them."""

    async def compare(self) -> None:
        """Find out which directories are the same."""
        if self._local.unknown * _MOST_UNKNOWN > self._local.digests[""].files:
            self._listed_whole += self._parts
            pending: Sequence[str] = ()
        else:
            pending = self._parts if self._top is None else self._note("", self._top)
        while pending:
            rounds = await in_batches(self._compare, pending)
            pending = [name for names in rounds for name in names]

    async def list(self, wants_extra: Callable[[], bool]) -> None:
        """List what is not the same.

        Where, after that, `wants_extra`, directories that only the server has are listed with what they hold.
        """
        await in_batches(self._list, self._listed)
        entries = self.listing.entries
        found = [name for name, entry in entries.items() if entry.kind == "directory"]
        whole = set(self._listed_whole)
        if wants_extra():
            whole.update(name for name in found if name not in self._local.digests)
        await in_batches(partial(self._list, recursive=True), [name for name in found if name in whole])
        if self._listed:  # directories were listed one by one; a listing has each before what it holds
            entries.sort_folders()

    async def _compare(self, name: str) -> Sequence[str]:
        """Compare a directory, unless it is known to differ; gives those to compare next."""
        if name in self._local.incomplete:
            return self._split(name)
        if name in self._reported:
            return self._note(name, self._reported[name])
        try:
            endpoint = self._endpoint.at(name)
            found = await ask_digests(self._client, endpoint, self._local.digests[name].full)
        except Forbidden:
            return ()
        if found is not None and found.entry is None:
            return ()
        if found is None:
            return self._note(name, None)
        self._reported.update((f"{name}/{each}", digests) for each, digests in found.directories.items())
        return self._note(name, found.tree)

    def _note(self, name: str, there: TreeDigest | None) -> Sequence[str]:
        """Note what is to be done about a directory; gives those to compare next."""
        here = self._local.digests[name]
        if there is None:
            self._listed_whole.append(name)
        elif there.full == here.full and not there.skipped and not there.damaged:
            self._add_same(name)
        elif there.content == here.content and not there.skipped:
            self._listed_whole.append(name)  # times or modes: where the disks keep others, it is all of them
        else:
            return self._split(name)
        return ()

    def _add_same(self, name: str) -> None:
        pending = [name]
        while pending:
            self.same.add(pending[-1])
            pending += self._local.below.get(pending.pop(), ())

    def _split(self, name: str) -> Sequence[str]:
        """Cut a directory that differs into pieces, which are to be compared; the directories around these are listed.

        Where one listing of all beneath the directory is less work, that is made instead.
        """
        digests = self._local.digests
        files = digests[name].files
        around = [name]
        pieces: list[str] = []
        for directory in around:  # it grows
            for below in self._local.below.get(directory, ()):
                is_piece = below in self._reported or digests[below].files * _PIECES <= files
                (pieces if is_piece else around).append(below)
        requests = len(around) + sum(piece not in self._reported for piece in pieces)
        if files <= _FEW_FILES or requests > files // _REQUEST_ENTRIES:
            self._listed_whole.append(name)
            return ()
        self._listed += around
        return pieces

    async def _list(self, name: str, *, recursive: bool = False) -> None:
        with contextlib.nullcontext() if not name else contextlib.suppress(*_NOT_LISTED):
            await add_entries(self._client, self._endpoint, self.listing, recursive=recursive, beneath=name)


async def list_directories_of(
    client: Client, endpoint: Endpoint, local: LocalDigests, parents: Iterable[str]
) -> dict[str, Entry]:
    """The server's entries of the directories in these parents, which are the same here, by name.

    Those that are gone are left out. A parent is listed where that is less work than to ask for each directory in it.
    """
    found: dict[str, Entry] = {}

    async def list_one(parent: str) -> None:
        listing = RemoteListing(entry_table(), [], [])
        with contextlib.suppress(*_NOT_LISTED):
            await add_entries(client, endpoint, listing, recursive=False, beneath=parent)
        found.update((name, entry) for name, entry in listing.entries.items() if entry.kind == "directory")

    async def ask_for(name: str) -> None:
        with contextlib.suppress(*_NOT_LISTED):
            entry = (await client.cmp(str(endpoint.at(name)))).remote
            if entry is not None and entry.kind == "directory":
                found[name] = structs.replace(entry, name=name)

    listed: list[str] = []
    asked: list[str] = []
    for parent in parents:
        below = local.below.get(parent, ())
        files = local.digests[parent].files - sum(local.digests[name].files for name in below)
        if files <= len(below) * _REQUEST_ENTRIES:
            listed += [parent] if below else []
        else:
            asked += below
    await in_batches(list_one, listed)
    await in_batches(ask_for, asked)
    return found
