"""A tree is put back as it was at a time, and versions are removed for good, step by step."""

from __future__ import annotations

from typing import Any, Sequence
from unittest import mock

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Busy, Forbidden, Internal, NotFound, WrongKind
from homeftp.files.restoring import BATCH, ONE_CHANGE_US, last_change, prune, restore_tree
from homeftp.history.changes import Pruned, Reversion, Reverted
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IStore
from homeftp.model import Entry, Version
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights, parse_rights
from tests.support.pasts import PastCase

THEN = 1_500_000


class RestoreCase(PastCase):
    """Trees that are put back."""

    def restore(
        self, path: str = "d", as_of_us: int | None = THEN, *, dry_run: bool = False, store: IStore | None = None
    ) -> list[Reverted]:
        """Put a tree back; what became of each name."""
        steps = restore_tree(store or self.whole, parse(path), as_of_us, dry_run=dry_run)
        return [each for step in steps for each in step.reverted]

    def outcomes(self, reverted: Sequence[Reverted]) -> dict[str, str]:
        """The outcome for each name: the last one."""
        return {each.name: each.outcome for each in reverted}

    def limited(self, rights: str, **grants: str) -> AuthorizedStore:
        """The store as an account with these rights sees it, and with narrower ones in some folders of "d"."""
        narrower = tuple((("d", folder), parse_rights(most)) for folder, most in grants.items())
        return AuthorizedStore(self.whole, Endpoint(()), Rights(parse_rights(rights), narrower))


class RestoreTests(RestoreCase):
    """`restore_tree`."""

    def test_equal(self) -> None:
        """The tree is what it was: contents, names and kinds, whatever became of them."""
        then = self.history_of_a_folder()
        now = self.tree("d")
        found = self.restore()
        self.assertEqual(self.tree("d"), then)
        self.assertEqual(self.tree()["outside"], b"new")
        self.assertEqual(
            self.outcomes(found),
            {
                "added": "removed",
                "e/removed": "restored",
                "file": "restored",
                "file/inside": "removed",
                "folder": "removed",
                "folder/x": "restored",
                "new folder": "removed",
                "new folder/y": "removed",
                "new folder/y/z": "removed",
                "removed": "restored",
                "replaced": "restored",
            },
        )
        kept = {name for name, at_us in self.kept("d") if at_us >= 3_000_000}
        self.assertEqual(kept, {"added", "file/inside", "folder", "new folder/y/z", "replaced"}, "nothing is lost")
        self.now_us = 4_000_000
        self.restore(as_of_us=2_500_000)
        again = self.tree("d")
        for name in ("added", "new folder/y/z", "replaced", "same"):
            self.assertEqual(again[name], now[name], "what it replaced and removed can be put back")

    def test_removed_folder(self) -> None:
        """A folder that was removed comes back, with times and modes of its files; twice is as good as once."""
        for name in ("a", "e/b"):
            self.write(f"d/{name}", b"then", mtime_us=5, mode=0o600)
        then = [entry for page in self.whole.list(parse("d"), True) for entry in page.entries if entry.kind == "file"]
        self.now_us = 2_000_000
        self.remove("d")
        self.restore()
        now = [entry for page in self.whole.list(parse("d"), True) for entry in page.entries if entry.kind == "file"]
        self.assertEqual(now, then)
        self.changes.clear()
        self.assertEqual(self.restore(), [])
        self.assertEqual(self.changes, [])

    def test_unchanged(self) -> None:
        """What is as it was is counted, and not touched: also a file that was replaced and is the same again."""
        self.write("d/a", b"then", mtime_us=5, mode=0o600)
        self.write("d/b", b"then", mtime_us=5, mode=0o600)
        self.now_us = 2_000_000
        self.write("d/b", b"now", mtime_us=5, mode=0o600)
        self.write("d/b", b"then", mtime_us=5, mode=0o600)
        self.changes.clear()
        steps = list(restore_tree(self.whole, parse("d"), THEN, dry_run=False))
        self.assertEqual(sum(step.unchanged for step in steps), 2)
        self.assertEqual(self.changes, [])
        self.assertEqual({step.as_of_us for step in steps}, {THEN})

    def test_dry_run(self) -> None:
        """It tells exactly what would be done, and does nothing."""
        self.history_of_a_folder()
        before, kept = self.tree(), self.kept()
        planned = self.outcomes(self.restore(dry_run=True))
        self.assertEqual((self.tree(), self.kept(), self.changes), (before, kept, []))
        self.assertEqual(planned, self.outcomes(self.restore()))

    def test_nothing_then(self) -> None:
        """Where nothing was there then, nothing is removed either: that time is a mistake."""
        self.history_of_a_folder()
        before = self.tree()
        for path, as_of_us in (("d", 500_000), ("none", THEN), ("d/added", THEN), ("d/new folder", THEN)):
            self.assertRaises(NotFound, self.restore, path, as_of_us)
        self.assertEqual(self.tree(), before)

    def test_one_file(self) -> None:
        """A file, and everything, can be put back the same way."""
        then = self.history_of_a_folder()
        self.restore("d/replaced")
        self.assertEqual(self.tree("d")["replaced"], b"then")
        self.assertEqual(self.tree("d")["added"], b"new")
        self.restore("")
        self.assertEqual(self.tree(), {"d": None, **{f"d/{name}": content for name, content in then.items()}})

    def test_refused(self) -> None:
        """What an account may not do is named, and the rest is done."""
        self.history_of_a_folder()
        found = self.restore(store=self.limited("read,add,replace,delete", e="read"))
        refused = {each.name: type(each.refusal) for each in found if each.outcome == "refused"}
        self.assertEqual(refused, {"e/removed": Forbidden})
        self.assertEqual(self.tree("d")["removed"], b"then")

    def test_no_right_to_remove(self) -> None:
        """Without the right to remove, what was not there stays, and is named; the folder of it is not."""
        self.history_of_a_folder()
        found = self.restore(store=self.limited("read,add,replace"))
        refused = {each.name: type(each.refusal) for each in found if each.outcome == "refused"}
        self.assertEqual({kind for name, kind in refused.items() if name not in ("file", "folder/x")}, {Forbidden})
        self.assertEqual(
            {*refused} - {"new folder", "new folder/y"},
            {"added", "file/inside", "file", "folder", "folder/x", "new folder/y/z"},
        )
        self.assertEqual(self.tree("d")["replaced"], b"then")
        self.assertEqual(self.tree("d")["added"], b"new")

    def test_hidden(self) -> None:
        """What an account does not see is neither put back nor named."""
        self.history_of_a_folder()
        found = self.restore(store=self.limited("read,add,replace,delete", e="none"))
        self.assertNotIn("e/removed", self.outcomes(found))
        self.assertNotIn("e/removed", self.tree("d"))

    def test_folder_in_place_of_a_file(self) -> None:
        """A folder that has something that stays is not removed for the file that was there."""
        self.write("d/x/stays", b"then")
        self.now_us = 2_000_000
        self.write("d/file", b"one")
        self.now_us = 3_000_000
        self.remove("d/file")
        self.whole.move(parse("d/x"), parse("d/file"), None, None)
        (found,) = self.restore(as_of_us=2_500_000)
        self.assertEqual((found.name, found.outcome, type(found.refusal)), ("file", "refused", WrongKind))
        self.assertEqual(self.tree("d")["file/stays"], b"then")

    def test_changed_meanwhile(self) -> None:
        """A file that somebody else replaces after it was looked at stays, and is named."""
        self.history_of_a_folder()
        revert = MemoryStore.revert

        def late(store: MemoryStore, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
            self.write("d/replaced", b"in between")
            return revert(store, reversions)

        with mock.patch.object(MemoryStore, "revert", late):
            found = self.restore()
        self.assertEqual(self.outcomes(found)["replaced"], "refused")
        self.assertEqual(self.tree("d")["replaced"], b"in between")

    def test_server_fails(self) -> None:
        """Where the server fails at everything, it ends at once: it does not try a million times."""
        self.history_of_a_folder()
        for failure in (Internal("the disk failed"), RuntimeError("a bug")):
            with mock.patch.object(MemoryStore, "revert", lambda store, some, why=failure: [why] * len(some)):
                self.assertRaises(type(failure), self.restore)

    def test_stopped(self) -> None:
        """Who stops early leaves the rest as it is, and can go on later."""
        for number in range(600):
            self.write(f"d/{number:03}", b"then")
        then = self.tree("d")
        self.now_us = 2_000_000
        self.remove("d")
        steps = restore_tree(self.whole, parse("d"), THEN, dry_run=False)
        next(steps)
        steps.close()
        self.assertEqual(0 < len(self.tree("d")) < 600, True)
        self.restore()
        self.assertEqual(self.tree("d"), then)


class LastChangeTests(RestoreCase):
    """Without a time the last change is undone."""

    def test_removed_folder(self) -> None:
        """The removal of a folder is one change, however soon it follows others."""
        for name in ("a", "b", "c"):
            self.write(f"d/{name}", b"first")
        self.now_us += 10
        self.write("d/a", b"second")
        self.remove("d/c")
        then = self.tree("d")
        self.now_us += 10
        self.remove("d")
        self.restore(as_of_us=None)
        self.assertEqual(self.tree("d"), then)

    def test_series(self) -> None:
        """Changes of several files that follow each other closely count as one; earlier ones stay."""
        for name in ("a", "b", "c", "d"):
            self.write(f"d/{name}", b"first")
        self.now_us += 10 * ONE_CHANGE_US
        self.write("d/a", b"second")
        then = self.tree("d")
        for name in ("a", "b", "c", "d"):
            self.now_us += 10 * ONE_CHANGE_US if name == "a" else ONE_CHANGE_US // 2
            self.remove(f"d/{name}")
        self.restore(as_of_us=None)
        self.assertEqual(self.tree("d"), then)

    def test_twice(self) -> None:
        """One change changes no file twice, so that only the second of two is undone, however close they are."""
        for content in (b"first", b"second", b"third"):
            self.now_us += ONE_CHANGE_US // 100
            for name in ("a", "b"):
                self.now_us += 10
                self.write(f"d/{name}", content)
        self.restore(as_of_us=None)
        self.assertEqual(self.tree("d"), {"a": b"second", "b": b"second"})

    def found(self, *timelines: Sequence[int]) -> int | None:
        """The time that is found for files that were changed at these times."""

        def since(endpoint: object, since_us: int) -> list[list[Timeline]]:
            versions = [[Version("", at) for at in times if at >= since_us] for times in timelines]
            return [[Timeline(name=f"{number}", versions=tuple(each))] for number, each in enumerate(versions)]

        history = mock.Mock(**{"timelines.side_effect": since})
        *steps, found = last_change(history, parse("d"))
        self.assertEqual(set(steps), {None})
        return found

    def test_found(self) -> None:
        """In whatever order the files come it is the beginning of the last change."""
        half = ONE_CHANGE_US // 2
        times = [20 * half, 21 * half, 22 * half, 1000 * half, 1001 * half, 2000 * half, 2001 * half]
        for order in (times, times[::-1], times[3:] + times[:3], times[1::2] + times[::2]):
            self.assertEqual(self.found(*([each] for each in order)), 2000 * half)
        self.assertEqual(self.found([5], [5], [4]), 5)
        self.assertEqual(self.found([5, 6], [7], [4]), 6)

    def test_none(self) -> None:
        """Without any version there is nothing to go back to."""
        self.write("d/a", b"1")
        self.assertRaises(NotFound, self.restore, "d", None)


class PruneTests(RestoreCase):
    """`prune`."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(4):
            self.now_us = (number + 1) * 1_000_000
            for name in ("d/a", "d/e/b", "x"):
                self.write(name, b"%d" % number)

    def prune(self, path: str = "d", *, store: IStore | None = None, **given: Any) -> list[Pruned]:
        """Remove versions; what became of each."""
        asked = {"before_us": None, "keep": 0, "dry_run": False, **given}
        return [each for step in prune(store or self.whole, parse(path), **asked) for each in step.pruned]

    def test_all(self) -> None:
        """All versions of what is at an endpoint and beneath it; the current files and others' versions stay."""
        found = self.prune()
        self.assertEqual([(each.name, each.size) for each in found], [("a", 1)] * 3 + [("e/b", 1)] * 3)
        self.assertEqual({name for name, _ in self.kept()}, {"x"})
        self.assertEqual(self.tree("d"), {"a": b"3", "e": None, "e/b": b"3"})
        self.assertEqual([each.what for each in self.changes[-6:]], ["prune"] * 6)

    def test_keep(self) -> None:
        """The newest of each file stay."""
        self.prune(keep=2)
        self.assertEqual([at_us for name, at_us in self.kept("d") if name == "a"], [3_000_000, 4_000_000])
        self.assertEqual(len(self.kept("d")), 4)
        self.assertEqual(self.prune(keep=2), [])

    def test_before(self) -> None:
        """Only those that are older than a time; with both, those that neither keeps."""
        self.prune("d/a", before_us=3_000_000)
        self.assertEqual(self.kept("d/a"), [("", 3_000_000), ("", 4_000_000)])
        self.prune("d/a", before_us=10_000_000, keep=1)
        self.assertEqual(self.kept("d/a"), [("", 4_000_000)])

    def test_dry_run(self) -> None:
        """It tells what would go, and removes nothing."""
        planned = self.prune(dry_run=True, keep=1)
        self.assertEqual(len(self.kept("d")), 6)
        self.assertEqual(planned, self.prune(keep=1))

    def test_rights(self) -> None:
        """It takes the rights to read, to replace and to remove; otherwise each is named, and stays."""
        for rights in ("read,add", "read,add,replace", "read,add,delete"):
            found = self.prune(store=self.limited(rights))
            self.assertEqual({type(each.refusal) for each in found}, {Forbidden})
        self.assertEqual(self.prune(store=self.limited("add,replace,delete")), [])
        self.assertEqual(len(self.kept("d")), 6)
        found = self.prune(store=self.limited("read,replace,delete", e="read"))
        self.assertEqual([each.refusal is None for each in found], [True] * 3 + [False] * 3)

    def test_server_fails(self) -> None:
        """A server that fails ends it; one version that is busy does not."""
        with mock.patch.object(MemoryStore, "discard", lambda store, some: [Internal("x")] * len(some)):
            self.assertRaises(Internal, self.prune)
        with mock.patch.object(MemoryStore, "discard", lambda store, some: [Busy("x")] + [1] * (len(some) - 1)):
            self.assertEqual([each.refusal is None for each in self.prune("d/a")], [False, True, True])

    def test_many(self) -> None:
        """Many versions of one file go in steps."""
        for _ in range(600):
            self.now_us += 1
            self.write("many", b"%d" % self.now_us)
        steps = list(prune(self.whole, parse("many"), before_us=None, keep=0, dry_run=False))
        self.assertEqual(sum(len(step.pruned) for step in steps), 599)
        self.assertLessEqual(max(len(step.pruned) for step in steps), BATCH)
