"""Many endpoints are given what they had, with few syncs; nothing that was there is lost."""

from __future__ import annotations

import os
from typing import Sequence
from unittest import mock

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Changed, NoSpace, NotFound, WrongKind
from homeftp.history.changes import Reversion
from homeftp.model import ABSENT, PRESENT, Actor, Change, Entry
from homeftp.store.local.store import LocalStore
from tests.support.storecases import VersionsCase
from tests.support.stores import LONG_AGO, Recording, sha

ANN = Actor("ann", address="192.0.2.1")


class RevertTests(VersionsCase):
    """`Reverter`."""

    def revert(self, store: LocalStore, *reversions: Reversion) -> Sequence[Entry | Exception | None]:
        """Revert, as ann."""
        history = store.bind(ANN).history()
        assert history is not None
        return history.revert(reversions)

    def at(self, store: LocalStore, name: str) -> int:
        """The time of the newest version of a file."""
        return self.versions(store, name)[0].at_us

    def test_mixed(self) -> None:
        """Versions are put back, files that were not there become versions, and each change is recorded."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        for name in ("d/replaced", "d/e/removed"):
            self.put(store, name, b"then", mtime_us=LONG_AGO, mode=0o640)
        self.put(store, "d/replaced", b"now!!")
        self.put(store, "d/added", b"new")
        sum(store.remove(parse("d/e"), None, True))
        changes.clear()
        results = self.revert(
            store,
            Reversion(parse("d/added"), None, sha(b"new")),
            Reversion(parse("d/e/removed"), self.at(store, "d/e/removed"), ABSENT),
            Reversion(parse("d/replaced"), self.at(store, "d/replaced"), sha(b"now!!")),
        )
        self.assertEqual([each and getattr(each, "size", each) for each in results], [None, 4, 4])
        self.assertEqual((self.content("d/replaced"), self.content("d/e/removed")), (b"then", b"then"))
        self.assertEqual(os.stat(self.path("d/replaced")).st_mode & 0o777, 0o640)
        self.assertFalse(os.path.exists(self.path("d/added")))
        self.assertEqual(self.contents(), [b"new", b"now!!"])
        self.assertEqual(
            [(each.what, each.endpoint.whole, each.actor) for each in changes],
            [
                ("delete", "d/added", ANN),
                ("add", "d/e", ANN),
                ("add", "d/e/removed", ANN),
                ("replace", "d/replaced", ANN),
            ],
        )

    def test_refused_alone(self) -> None:
        """A reversion that is refused leaves the others be, and what is there as it is."""
        store = self.store()
        for name in ("a", "b", "c", "d"):
            self.put(store, name, b"then")
            self.put(store, name, b"now")
        sum(store.remove(parse("d"), None, False))
        self.put(store, "d/x", b"a folder now")
        results = self.revert(
            store,
            Reversion(parse("a"), self.at(store, "a"), sha(b"other")),
            Reversion(parse("b"), 1, PRESENT),
            Reversion(parse("c"), self.at(store, "c"), PRESENT),
            Reversion(parse("d"), self.at(store, "d"), None),
            Reversion(parse("none"), None, None),
            Reversion(parse("none/none"), None, None),
        )
        kinds = [type(each) for each in results]
        self.assertEqual(kinds, [Changed, NotFound, Entry, WrongKind, NotFound, NotFound])
        self.assertEqual([self.content(name) for name in "abc"], [b"now", b"now", b"then"])
        self.assertFalse(os.path.exists(self.path("none")))

    def test_too_large_to_keep(self) -> None:
        """What could not become a version stays where it is: nothing is lost."""
        store = self.store()
        self.put(store, "a", b"then")
        self.put(store, "a", b"now" * 5000)
        self.put(store, "b", b"new" * 5000)
        store.close()
        store = self.store(retention=Retention(percent=None, size=8192))
        wanted = [Reversion(parse("a"), self.at(store, "a"), None), Reversion(parse("b"), None, None)]
        self.assertEqual([type(each) for each in self.revert(store, *wanted)], [NoSpace, NoSpace])
        self.assertEqual((self.content("a"), self.content("b")), (b"now" * 5000, b"new" * 5000))

    def test_many(self) -> None:
        """Many files need few syncs, and more than are opened together are put back."""
        system = Recording()
        store = self.store(system=system)
        names = [f"d/{number:03}" for number in range(150)]
        for content in (b"then", b"now"):
            for name in names:
                self.put(store, name, content)
        wanted = [Reversion(parse(name), self.at(store, name), None) for name in names]
        system.calls.clear()
        results = self.revert(store, *wanted)
        self.assertEqual({type(each) for each in results}, {Entry})
        self.assertEqual({self.content(name) for name in names}, {b"then"})
        syncs = [name for name, _ in system.calls if "sync" in name]
        self.assertLess(len(syncs), 20)

    def test_deep(self) -> None:
        """Files in many deep folders are put back in small batches."""
        store = self.store()
        names = ["/".join([f"{number:02}", *"abcdefghij", "x"]) for number in range(40)]
        for name in names:
            self.put(store, name, b"then")
        for number in range(40):
            sum(store.remove(parse(f"{number:02}"), None, True))
        wanted = [Reversion(parse(name), self.at(store, name), ABSENT) for name in names]
        with mock.patch("homeftp.store.local.writes.revert.per_job", return_value=24) as per_job:
            results = self.revert(store, *wanted)
        self.assertEqual({type(each) for each in results}, {Entry})
        per_job.assert_called()

    def test_order(self) -> None:
        """A file that was not there makes room for a folder that was, in one call."""
        store = self.store()
        self.put(store, "d/a/x", b"then")
        sum(store.remove(parse("d/a"), None, True))
        self.put(store, "d/a", b"a file now")
        results = self.revert(
            store, Reversion(parse("d/a"), None, None), Reversion(parse("d/a/x"), self.at(store, "d/a/x"), ABSENT)
        )
        self.assertEqual([each is None for each in results], [True, False])
        self.assertEqual(self.content("d/a/x"), b"then")
        self.assertEqual(self.contents(), [b"a file now"])
