"""Laptops that sync a folder with a server in memory: real folders on both sides, real TLS between them."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Mapping, Sequence

import attrs

from homeftp.client import Outcome, SeenStore, TransferObserver
from homeftp.client.selection import Selection
from homeftp.client.sync.archive import SyncArchive
from homeftp.client.sync.model import Direction, Preference, SyncOptions
from homeftp.client.sync.run import SyncRequest, SyncResult, run_sync
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.dispatchers.move import CopyDispatcher, MoveDispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.endpoint import RESERVED
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IDispatcher
from tests.support.transfers import NEW, TransferCase, write_file

DAY = "2026-05-01"

CONFLICT_COPY = "a (conflict from ann-laptop 2026-05-01).txt"
"""The name of the copy that Ann's laptop makes of `a.txt` in a conflict."""

DISPATCHERS = (
    *(MoveDispatcher(), CopyDispatcher(), DeleteDispatcher(), SetstatDispatcher(), VerifyDispatcher()),
    *(VersionsDispatcher(), PruneDispatcher()),
)
"""Those of the server that a sync uses, besides CMP, GET and PUSH."""


def contents(folder: str) -> dict[str, bytes | None]:
    """What is in a folder, except homeftp's own: the content of each file, None for each directory.

    What goes while it is read, as temp files do, is left out.
    """
    found: dict[str, bytes | None] = {}
    for top, directories, names in os.walk(folder):
        directories[:] = [name for name in directories if name != RESERVED]
        inside = os.path.relpath(top, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        found.update({prefix + name: None for name in directories})
        for name in names:
            with contextlib.suppress(FileNotFoundError), open(os.path.join(top, name), "rb") as file:
                found[prefix + name] = file.read()
    return found


def versions_in(folder: str) -> Mapping[str, bytes]:
    """The contents that a folder keeps of what a sync deleted or replaced in it, by name."""
    kept = os.path.join(folder, RESERVED, "versions")
    found = {}
    for run in os.listdir(kept) if os.path.isdir(kept) else ():
        files = contents(os.path.join(kept, run))
        found.update({name: content for name, content in files.items() if content is not None})
    return found


@attrs.define(eq=False)
class Laptop:
    """One machine: its folder, and what it remembers."""

    name: str
    path: str
    archive: SyncArchive = attrs.field(factory=lambda: SyncArchive(None))
    seen: SeenStore = attrs.field(factory=lambda: SeenStore(None))
    cache: HashCache | None = None

    def put(self, name: str, content: bytes = b"content", *, mtime: int = NEW, mode: int = 0o644) -> str:
        """Write a file here; gives its path."""
        return write_file(self.path, name, content, mtime=mtime, mode=mode)

    def rename(self, old: str, new: str) -> None:
        """Rename a file or folder here."""
        os.rename(os.path.join(self.path, old), os.path.join(self.path, new))

    def contents(self) -> dict[str, bytes | None]:
        """What is here."""
        return contents(self.path)


class SyncCase(TransferCase):
    """A server with a folder "Docs", and two laptops that sync it."""

    extra: Sequence[IDispatcher] = DISPATCHERS

    def setUp(self) -> None:
        super().setUp()
        self.new_cache()
        self.ann, self.bob = (Laptop(name, self.mktemp()) for name in ("ann-laptop", "bob-laptop"))
        for laptop in (self.ann, self.bob):
            os.makedirs(laptop.path)
            self.addCleanup(laptop.archive.close)

    def sync(
        self,
        laptop: Laptop,
        *,
        direction: str = "both",
        prefer: str | None = None,
        merge: bool = False,
        selection: Selection | None = None,
        observer: TransferObserver | None = None,
        **request: Any,
    ) -> SyncResult:
        """Sync a laptop's folder; `results` has what became of each file."""
        preference = Preference(prefer) if prefer else None
        options = SyncOptions(Direction(direction), preference, laptop.name, DAY, merge)
        if selection is not None:
            request["selection"] = selection
        asked = SyncRequest(laptop.path, "Docs", options=options, **request)
        watched = observer or self.observer()
        context = attrs.evolve(self.context, seen=laptop.seen)
        return self.run_work(run_sync(self.client, context, laptop.archive, asked, watched))

    def there(self) -> dict[str, bytes | None]:
        """What the server has in the folder."""
        return contents(os.path.join(self.server.root, "Docs"))

    def problems(self) -> dict[str, Outcome]:
        """What became of each name in the last sync that is not done."""
        return {name: outcome for name, outcome in self.outcomes().items() if not outcome.done}

    def assert_in_step(self, *laptops: Laptop) -> None:
        """Both sides have the same, nothing failed, and a second sync has nothing to do."""
        for laptop in laptops or (self.ann,):
            self.assertEqual(laptop.contents(), self.there())
            self.assertEqual(list(self.sync(laptop).plan.actions), [])
            self.assertEqual([result for result in self.results if not result.outcome.done], [])


class SyncedCase(SyncCase):
    """A folder that both laptops have synced."""

    def setUp(self) -> None:
        super().setUp()
        self.ann.put("a.txt", b"one")
        self.ann.put("d/x", b"x")
        self.ann.put("d/y", b"yy")
        self.sync(self.ann)
        self.sync(self.bob)
        self.before = self.ann.contents()
        self.assertEqual(self.bob.contents(), self.before)
