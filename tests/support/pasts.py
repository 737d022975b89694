"""A store in memory whose clock a test sets, and what was there at its times."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import Change, Entry
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights, parse_rights
from homeftp.testing.contract.case import request


class PastCase(SynchronousTestCase):
    """A store in memory; `now_us` is its time in microseconds."""

    now_us = 1_000_000

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []
        self.whole = self.memory_store()

    def memory_store(self, **options: Any) -> MemoryStore:
        """A store that asks the test for the time."""
        return MemoryStore(StoreOptions(record_changes=self.changes.extend, **options), clock=lambda: self.now_us)

    def write(self, path: str, content: bytes, **fields: Any) -> Entry:
        """Write one file."""
        (result,) = self.whole.write_many([(request(path, size=len(content), **fields), content)])
        if isinstance(result, Exception):
            raise result
        return result

    def remove(self, path: str) -> None:
        """Remove something, with everything in it."""
        sum(self.whole.remove(parse(path), None, True))

    def limited(self, rights: str, **grants: str) -> AuthorizedStore:
        """The store as an account with these rights sees it, and with narrower ones in some folders of "d"."""
        narrower = tuple((("d", folder), parse_rights(most)) for folder, most in grants.items())
        return AuthorizedStore(self.whole, Endpoint(()), Rights(parse_rights(rights), narrower))

    def tree(self, path: str = "", store: IStore | None = None) -> dict[str, bytes | None]:
        """Everything beneath a directory: contents of files, and None for directories."""
        store, top = store or self.whole, parse(path)
        found: dict[str, bytes | None] = {}
        for page in store.list(top, True):
            for entry in page.entries:
                file = None if entry.kind == "directory" else store.open(top.beneath(*entry.name.split("/")))
                found[entry.name] = None if file is None else file.read(0, entry.size)
        return found

    def kept(self, path: str = "") -> list[tuple[str, int]]:
        """The names and times of all versions."""
        return sorted((each.name, each.at_us) for page in self.whole.versions(parse(path)) for each in page)

    def history_of_a_folder(self) -> dict[str, bytes | None]:
        """A folder "d" that is changed at 2 s in every way; what it had before. It is 3 s afterwards."""
        for path in ("d/same", "d/replaced", "d/removed", "d/e/removed", "d/file", "d/folder/x"):
            self.write(path, b"then")
        then = self.tree("d")
        self.now_us = 2_000_000
        self.write("d/replaced", b"now!!")
        self.write("d/added", b"new")
        self.write("d/new folder/y/z", b"new")
        for path in ("d/removed", "d/e", "d/file", "d/folder"):
            self.remove(path)
        self.write("d/file/inside", b"new")
        self.write("d/folder", b"a file now")
        self.write("outside", b"new")
        self.now_us = 3_000_000
        self.changes.clear()
        return then

    def file_in_place_of_a_directory(self) -> None:
        """A file "d/p" from 1 s to 2 s, a directory with "x" until 3 s, and the file again. "d/q" stays."""
        self.write("d/p", b"file")
        self.now_us = 2_000_000
        self.remove("d/p")
        self.write("d/p/x", b"x")
        self.write("d/q", b"q")
        self.now_us = 3_000_000
        self.remove("d/p")
        self.whole.restore(parse("d/p"), None, None)
