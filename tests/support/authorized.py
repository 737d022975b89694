"""A store with a few files, as accounts with some rights see it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import Actor, Change, Entry
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights, parse_rights
from homeftp.testing.contract.case import request

ANN = Actor("ann", address="192.0.2.1")


class AuthorizedCase(SynchronousTestCase):
    """A store with some files, seen by accounts."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[Change] = []
        self.whole = MemoryStore(StoreOptions(record_changes=self.changes.extend))
        for path in ("home/a.txt", "home/d/b.txt", "home/secret/c.txt", "other/d.txt"):
            self.write(self.whole, path, b"content")

    def seen(self, rights: str, store: IStore | None = None, **grants: str) -> AuthorizedStore:
        """The home, by these rights, and by narrower ones in some folders."""
        narrower = tuple(((folder,), parse_rights(most)) for folder, most in grants.items())
        return AuthorizedStore(store or self.whole, parse("home"), Rights(parse_rights(rights), narrower), ANN)

    def write(self, store: IStore, path: str, content: bytes = b"new", **fields: Any) -> Entry:
        """Write one small file; raises its refusal."""
        (result,) = store.write_many([(request(path, size=len(content), **fields), content)])
        if isinstance(result, Exception):
            raise result
        return result

    def names(self, store: IStore, path: str = "") -> list[str]:
        """All names below a path."""
        return [entry.name for page in store.list(parse(path), True) for entry in page.entries]

    def exists(self, path: str) -> bool:
        """Whether the whole store has something at a path."""
        return self.whole.stat(parse(path)) is not None
