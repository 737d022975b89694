"""A tree is put back as it was at a time, step by step."""

from __future__ import annotations

from typing import Sequence
from unittest import mock

from homeftp.endpoint import parse
from homeftp.errors import Forbidden, Internal, NotFound, WrongKind
from homeftp.files.history.restoring import restore_tree
from homeftp.files.history.results import FILES_PER_STEP
from homeftp.history.changes import Reversion, Reverted
from homeftp.interfaces import IStore
from homeftp.model import Entry
from homeftp.store.memory import MemoryStore
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

    def test_steps(self) -> None:
        """Many files are put back in short steps: requests of others wait for each."""
        for number in range(3 * FILES_PER_STEP):
            self.write(f"d/{number}", b"then")
        self.now_us = 2_000_000
        self.remove("d")
        steps = list(restore_tree(self.whole, parse("d"), THEN, dry_run=False))
        self.assertEqual(sum(len(step.reverted) for step in steps), 3 * FILES_PER_STEP)
        self.assertEqual(max(len(step.reverted) for step in steps), FILES_PER_STEP)

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
        self.write("d/file", b"then")
        self.now_us = 2_000_000
        self.remove("d/file")
        self.write("d/file/stays", b"now")
        revert = MemoryStore.revert

        def partly(store: MemoryStore, some: Sequence[Reversion]) -> list[Entry | Exception | None]:
            return [Forbidden("no") if each.endpoint.name == "stays" else revert(store, [each])[0] for each in some]

        with mock.patch.object(MemoryStore, "revert", partly):
            found = self.restore()
        refused = {each.name: type(each.refusal) for each in found if each.outcome == "refused"}
        self.assertEqual(refused, {"file": WrongKind, "file/stays": Forbidden})
        self.assertEqual(self.tree("d")["file/stays"], b"now")

    def test_older_folder_in_place_of_a_file(self) -> None:
        """A folder that was moved to the name of a file goes again, although what is in it is older than the file."""
        self.write("d/x/older", b"older")
        self.now_us = 2_000_000
        self.write("d/file", b"one")
        self.now_us = 3_000_000
        self.remove("d/file")
        self.whole.move(parse("d/x"), parse("d/file"), None, None)
        self.restore(as_of_us=2_500_000)
        self.assertEqual(self.tree("d"), {"file": b"one"})
        self.assertIn("d/file/older", dict(self.kept()))

    def test_before_a_restore(self) -> None:
        """A folder comes back where a restore has put the older file of that name since; and so on, in turns."""
        self.write("d/p", b"file")
        self.now_us = 2_000_000
        self.remove("d/p")
        self.write("d/p/x/y", b"y")
        self.now_us = 3_000_000
        self.restore(as_of_us=1_500_000)
        for number, (then, tree) in enumerate(
            [
                (2_500_000, {"p": None, "p/x": None, "p/x/y": b"y"}),
                (2_500_000, {"p": None, "p/x": None, "p/x/y": b"y"}),
                (1_500_000, {"p": b"file"}),
                (2_500_000, {"p": None, "p/x": None, "p/x/y": b"y"}),
            ]
        ):
            self.now_us = 4_000_000 + number
            found = self.restore(as_of_us=then)
            self.assertEqual((self.tree("d"), {each.refusal for each in found} - {None}), (tree, set()), number)
        self.now_us += 1
        for name, then, tree in (
            ("d/p", 1_500_000, {"p": b"file"}),
            ("d/p", 2_500_000, {"p": None, "p/x": None, "p/x/y": b"y"}),
        ):
            self.restore(name, then)
            self.assertEqual(self.tree("d"), tree, "by its name")

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
        while not next(steps).reverted:
            pass
        steps.close()
        self.assertEqual(0 < len(self.tree("d")) < 600, True)
        self.restore()
        self.assertEqual(self.tree("d"), then)
