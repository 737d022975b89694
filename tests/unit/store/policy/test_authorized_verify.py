"""What an account has verified, and with whom it may share that."""

from __future__ import annotations

from typing import Iterator

from homeftp.endpoint import NO_FOLDERS, ROOT, Endpoint, FolderSet, parse
from homeftp.model import Actor, Verification
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD, ALL, READ, Rights
from tests.support.authorized import ANN, AuthorizedCase

NOTHING: frozenset[str] = frozenset()


class VerifyingTests(AuthorizedCase):
    """Reading again."""

    def test_verified(self) -> None:
        """What is verified for an account is mended for it, and since when it says; the control sees everything."""
        asked: list[tuple[bool, int]] = []

        class Noting(MemoryStore):
            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                asked.append((self._actor.sees_all, since_us))
                yield from super().verify(endpoint, since_us, hidden)

        whole = Noting()
        self.write(whole, "home/a.txt")
        for store in (self.seen("read", whole), AuthorizedStore(whole, ROOT, Rights(), ANN)):
            list(store.verify(ROOT))
            list(store.verify(ROOT, 7))
        self.assertEqual(asked, [(False, 0), (False, 7), (True, 0), (True, 7)])

    def test_scope(self) -> None:
        """What is read again, how it is named and from what it is mended: those for whom all of that is the same."""
        everything = Rights()
        narrow = Rights(ALL, ((("secret",), NOTHING),))
        folders = [Rights(NOTHING, folders=(((name,), ALL),)) for name in ("d", "secret")]
        elsewhere = MemoryStore()
        asked = [
            (self.whole, "home", everything, ""),
            (elsewhere, "home", everything, ""),
            (self.whole, "home", everything, "d"),
            (self.whole, "home/d", everything, ""),
            (self.whole, "other", everything, ""),
            (self.whole, "home", narrow, ""),
            (self.whole, "home", Rights(frozenset({ADD})), ""),
            (self.whole, "", everything, "home"),
            (self.whole, "", narrow, "home"),
            *((self.whole, "home", each, "") for each in folders),
            (elsewhere, "home", folders[0], ""),
        ]
        scopes = [
            AuthorizedStore(store, parse(home) if home else ROOT, rights, ANN).scope(parse(path) if path else ROOT)
            for store, home, rights, path in asked
        ]
        self.assertEqual(len(set(scopes)), len(scopes))
        for rights in (everything, Rights(frozenset({READ}))):
            same = AuthorizedStore(self.whole, parse("home"), rights, Actor("bob")).scope(ROOT)
            self.assertEqual(same, scopes[0])
