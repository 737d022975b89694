"""Which names a sync is about, and syncs of only some."""

from __future__ import annotations

import os
import shutil
from typing import Any
from unittest import mock

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Outcome
from homeftp.client.selection import IGNORE_FILE
from homeftp.client.sync.carryout import CarryOut
from homeftp.client.sync.model import Act, Side, SyncAction, SyncNode, SyncPlan
from homeftp.client.sync.scope import MOST_PARTS, WHOLE, RefusedCopies, Scope, needs_whole
from homeftp.endpoint import RESERVED
from homeftp.errors import OperatorError
from tests.support.syncs import Laptop, SyncedCase
from tests.support.transfers import BIG

FILE = SyncNode("file", "hash", 5)


class ScopeTests(SynchronousTestCase):
    """Scopes of names."""

    def test_topmost(self) -> None:
        """A name that is beneath another is part of that, and nothing that only begins alike."""
        self.assertEqual(Scope.of(["d/x", "d", "d/e/y", "d0", "e/f"]).parts, {"d", "d0", "e/f"})

    def test_contains(self) -> None:
        """A scope has its names and what is beneath them; the whole has all."""
        scope = Scope.of(["d/e"])
        self.assertEqual([name in scope for name in ("d/e", "d/e/f/g", "d", "d/ex", "")], [True, True] + [False] * 3)
        self.assertTrue("x" in WHOLE and "" in WHOLE)

    def test_whole(self) -> None:
        """The folder itself, and its ignore file, stand for all; an ignore file in it stands for its own folder."""
        for names in ([""], ["a", ""], [IGNORE_FILE, "a"]):
            self.assertEqual(Scope.of(names), WHOLE)
            self.assertTrue(Scope.of(names).is_whole)
        self.assertEqual(Scope.of([f"d/e/{IGNORE_FILE}", "d/e/x", "a"]), Scope.of(["d/e", "a"]))

    def test_joined(self) -> None:
        """Two scopes together have what either has; nothing is in the empty one."""
        self.assertEqual(Scope.of(["d/x", "a"]) | Scope.of(["d"]), Scope.of(["d", "a"]))
        self.assertEqual(Scope.of(["a"]) | WHOLE, WHOLE)
        self.assertEqual((bool(Scope()), bool(WHOLE), Scope() | WHOLE), (False, True, WHOLE))
        self.assertNotIn("", Scope())

    def test_many(self) -> None:
        """Many names stand for the folders that they are in; as many as are allowed stand for themselves."""
        names = [f"d/e/{number}" for number in range(MOST_PARTS)]
        self.assertEqual(Scope.of(names).parts, set(names))
        self.assertEqual(Scope.of([*names, "a/b"]).parts, {"d/e", "a"})
        self.assertEqual(Scope.of(f"d/{name}/x" for name in names).parts, {f"d/{name}/x" for name in names})
        self.assertEqual(Scope.of(map(str, range(MOST_PARTS + 1))), WHOLE)


class PlanTests(SynchronousTestCase):
    """Plans for a part."""

    def test_needs_whole(self) -> None:
        """A copy of a conflict, and a file that comes back, need the whole; other steps do not."""
        for needed, action in (
            (True, SyncAction(Act.KEEP_BOTH, Side.HERE, "a", FILE, FILE, "b")),
            (True, SyncAction(Act.COPY, Side.HERE, "agreed", None, FILE)),
            (False, SyncAction(Act.COPY, Side.HERE, "new", None, FILE)),
            (False, SyncAction(Act.COPY, Side.THERE, "agreed", FILE, FILE)),
            (False, SyncAction(Act.DELETE, Side.THERE, "agreed", None, FILE)),
        ):
            self.assertIs(needs_whole(SyncPlan([action]), {"agreed"}), needed, action)


class PartTests(SyncedCase):
    """Syncs of what events have named."""

    def part(self, laptop: Laptop, *names: str, **request: Any) -> SyncPlan:
        """Sync a part; gives the plan."""
        return self.sync(laptop, scope=Scope.of(names), **request).plan

    def requests(self, laptop: Laptop, *names: str) -> list[str]:
        """The requests of a sync of a part, each with its name in the folder."""
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            self.part(laptop, *names)
        return [f"{call.args[0]} {call.args[1].get('rel_endpoint', '')[5:]}" for call in request.call_args_list]

    def test_part(self) -> None:
        """What is named goes to the other side, and nothing else is looked at. The rest follows with the whole."""
        self.ann.put("d/x", b"new")
        self.ann.put("a.txt", b"two")
        with mock.patch("os.listdir", wraps=os.listdir) as listdir:
            requests = self.requests(self.ann, "d/x")
        listed = {call.args[0] for call in listdir.call_args_list if isinstance(call.args[0], str)}
        top = os.path.realpath(self.ann.path)
        inside = {path for path in listed if path.startswith(top) and RESERVED not in path}
        self.assertEqual(inside, {top, os.path.join(top, "d")})
        self.assertEqual([each for each in requests if not each.startswith("PUSH")], ["CMP ", "CMP d", "CMP d/x"])
        self.assertEqual(self.there(), {**self.before, "d/x": b"new"})
        self.assertEqual(self.part(self.bob, "d").actions.first(1)[0].name, "d/x")
        self.assertEqual(self.bob.contents(), self.there())
        self.sync(self.ann)
        self.assert_in_step()

    def test_nothing(self) -> None:
        """An event that comes late finds nothing to do, with few requests."""
        self.assertEqual(self.requests(self.ann, "d/x", "d/missing"), ["CMP ", "CMP d", "CMP d/missing", "CMP d/x"])
        self.assertEqual(self.results, [])

    def test_rename(self) -> None:
        """A file and a folder that were renamed are so where both names are known, without a transfer."""
        self.ann.put("e/big", BIG)
        self.sync(self.ann)
        self.sync(self.bob)
        self.ann.rename("e", "f")
        self.ann.rename("d/x", "x")
        for laptop in (self.ann, self.bob):
            moved = self.observer()
            acts = {each.act for each in self.part(laptop, "e", "f", "d/x", "x", observer=moved).actions}
            self.assertEqual((acts, moved.bytes_moved), ({Act.MOVE}, 0))
        self.assertEqual(self.bob.contents(), self.ann.contents())
        self.assert_in_step(self.ann, self.bob)

    def test_renamed_elsewhere(self) -> None:
        """A file that one side has renamed, to a name that is not known, and the other has edited, is found."""
        self.bob.rename("a.txt", "d/b.txt")
        self.sync(self.bob)
        self.ann.put("a.txt", b"edit")
        self.part(self.ann, "a.txt")
        self.assertEqual(self.there(), {"d": None, "d/x": b"x", "d/y": b"yy", "d/b.txt": b"edit"})
        self.assert_in_step()

    def test_conflict(self) -> None:
        """A conflict is settled as by a whole sync: the copy has a name that no other copy has."""
        for content in (b"one", b"two"):
            self.bob.put("a.txt", b"bob's " + content)
            self.sync(self.bob)
            self.ann.put("a.txt", b"ann's " + content)
            self.part(self.ann, "a.txt")
            self.sync(self.bob)
        copies = {content for name, content in self.there().items() if "conflict" in name}
        self.assertEqual(copies, {b"ann's one", b"ann's two"})
        self.assert_in_step(self.ann, self.bob)

    def test_kinds(self) -> None:
        """A file that became a folder on one side, in which the other has changed something."""
        shutil.rmtree(os.path.join(self.bob.path, "d"))
        self.bob.put("d", b"file")
        self.sync(self.bob, max_delete=9)
        self.ann.put("d/x", b"edit")
        self.part(self.ann, "d/x", max_delete=9)
        self.sync(self.bob)
        self.assert_in_step(self.ann, self.bob)
        self.assertIn(b"edit", self.there().values())
        self.assertIn(b"file", self.there().values())

    def test_guards(self) -> None:
        """A part that is deleted is compared with all files of a side; the missing disk is noticed."""
        os.unlink(os.path.join(self.ann.path, "d/x"))
        self.part(self.ann, "d/x")
        self.assertEqual(set(self.there()), {"a.txt", "d", "d/y"})
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        os.unlink(os.path.join(self.ann.path, "a.txt"))
        error = self.assertRaises(OperatorError, self.part, self.ann, "d", "a.txt")
        self.assertIn("2 of the 2 files on the server would be deleted", str(error))
        shutil.rmtree(self.ann.path)
        error = self.assertRaises(OperatorError, self.part, self.ann, "d")
        self.assertIn("is its disk mounted?", str(error))
        os.rename(os.path.join(self.server.root, "Docs"), os.path.join(self.server.root, "Other"))
        error = self.assertRaises(OperatorError, self.part, self.bob, "d")
        self.assertIn("the server no longer has a folder Docs", str(error))

    def test_left(self) -> None:
        """What waits for a person, or failed, is left; a link, and what is done, is not."""
        self.ann.put("a.txt", b"")
        self.ann.put("d/y", b"new")
        os.symlink("y", os.path.join(self.ann.path, "d/link"))
        scope = Scope.of(["a.txt", "d"])
        self.assertEqual(self.sync(self.ann, scope=scope).left, Scope.of(["a.txt"]))
        self.assertEqual(self.sync(self.ann).left, Scope.of(["a.txt"]))
        self.assertEqual(self.sync(self.ann, prefer="there").left, Scope())

    def test_refused(self) -> None:
        """What the server has refused is reported with each part, but sent again only where that may help.

        That is where all is compared, where it has changed, and where a name beside it has gone. The server does not
        say that it refuses similar names: else the look at everything finds that out, and sends nothing.
        """
        self.client.server_info = structs.replace(self.client.server_info, similar_names=None)
        refused = RefusedCopies()
        named: dict[str, Any] = {"scope": Scope.of(["A.txt", "d/x"]), "refused": refused}
        self.ann.put("A.txt", BIG)

        def sent(**request: Any) -> int:
            observer = self.observer()
            result = self.sync(self.ann, observer=observer, **request)
            (found,) = [each for each in self.results if each.name == "A.txt"]
            self.assertEqual(found.outcome, Outcome.REFUSED)
            self.assertIn("differs from 'a.txt' beside it only in case", found.reason)
            self.assertEqual(result.left, Scope.of(["A.txt"]))
            return observer.bytes_moved

        self.assertEqual((sent(**named), sent(**named)), (len(BIG), 0))
        self.assertEqual(sent(refused=refused), len(BIG))
        self.ann.put("A.txt", BIG + b"more")
        self.assertEqual((sent(**named), sent(**named)), (len(BIG) + 4, 0))
        self.ann.put("d/x", b"edit")
        self.assertEqual((sent(**named), self.there()["d/x"]), (4, b"edit"))
        os.unlink(os.path.join(self.ann.path, "a.txt"))
        scope = Scope.of(["a.txt", "A.txt"])
        for _ in range(2):
            self.sync(self.ann, scope=scope, refused=refused)
        self.assertEqual(set(self.there()), {"A.txt", "d", "d/x", "d/y"})
        self.assert_in_step()

    def test_refused_and_broken(self) -> None:
        """A sync that ends in the middle, after a name beside a refused file may have gone: that file is sent again."""
        refused = RefusedCopies()
        self.ann.put("A.txt", BIG)
        observers = [self.observer() for _ in range(3)]
        for observer in observers[:2]:
            self.sync(self.ann, observer=observer, scope=Scope.of(["A.txt"]), refused=refused)
        os.unlink(os.path.join(self.ann.path, "a.txt"))
        with mock.patch.object(CarryOut, "merge", side_effect=ZeroDivisionError), self.assertRaises(ZeroDivisionError):
            self.sync(self.ann, scope=Scope.of(["a.txt"]), refused=refused)
        self.sync(self.ann, observer=observers[2], scope=Scope.of(["A.txt"]), refused=refused)
        moved = [observer.bytes_moved for observer in observers]
        self.assertEqual(moved, [len(BIG), 0, len(BIG)], "the second is the control: it is not sent again")

    def test_links(self) -> None:
        """What has become a link on either side stays on the other."""
        os.unlink(os.path.join(self.ann.path, "d/x"))
        os.symlink("y", os.path.join(self.ann.path, "d/x"))
        there = os.path.join(self.server.root, "Docs/a.txt")
        os.unlink(there)
        os.symlink("d/y", there)
        self.assertEqual(list(self.part(self.ann, "d/x").actions), [])
        self.assertEqual(self.outcomes(), {"d/x": Outcome.SKIPPED})
        self.assertEqual(list(self.part(self.ann, "a.txt").actions), [])
        self.assertEqual(self.outcomes()["a.txt"], Outcome.SKIPPED)
        self.assertEqual(self.ann.contents()["a.txt"], b"one")

    def test_patterns(self) -> None:
        """An ignore file that has changed is a reason to compare all that is beneath its folder."""
        self.ann.put("d/.homeftpignore", b"x")
        self.part(self.ann, "d/.homeftpignore")
        self.ann.put("d/x", b"left out")
        self.part(self.ann, "d/x")
        self.assertEqual(self.there()["d/x"], b"x")
        os.unlink(os.path.join(self.ann.path, "d/.homeftpignore"))
        self.part(self.ann, "d/.homeftpignore", max_delete=1)
        self.assertEqual(self.there()["d/x"], b"left out")
        self.assert_in_step()
