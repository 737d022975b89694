"""What is left out here because of its name, or in a folder that is, is not taken for deleted."""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import Any, Callable
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.files.names import endpoint_name
from homeftp.client.selection import Selection
from homeftp.client.sync.model import Act, SyncOptions, SyncTree
from homeftp.client.sync.planner import make_plan
from homeftp.client.sync.scope import Scope
from tests.support.syncs import SyncCase
from tests.support.synctrees import DIRECTORY, file

STRICT = Selection(strict_names=True)


def escaped(name: str) -> str:
    """The name on the wire of a local name, without `--strict-names`."""
    return endpoint_name(name, strict=False)


class OtherSpellingTests(SyncCase):
    """Ann's folder has names that are escaped on the server, or that `--strict-names` cannot send."""

    def make_pair(self) -> None:
        """Agree, without strict names, on a file and a folder that strict names cannot send, and on another file."""
        for name in ("what?.txt", "q?/x", "q?/sub/y", "plain"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.sync(self.bob)
        self.expected = self.there()
        self.assertIn(escaped("what?.txt"), self.expected)

    def test_strict(self) -> None:
        """What strict names cannot send stays on the server as it was agreed without them, in each direction."""
        self.make_pair()
        before = self.ann.contents()
        for direction in ("both", "push", "pull", "both"):
            self.sync(self.ann, direction=direction, selection=STRICT, max_delete=9)
            self.assertEqual(self.problems(), dict.fromkeys(["what?.txt", "q?"], Outcome.FAILED), direction)
            self.assertEqual(self.there(), self.expected, direction)
            self.assertEqual(self.ann.contents(), before, direction)
        self.sync(self.bob)
        self.assertEqual(self.bob.contents(), before)
        self.sync(self.ann)
        self.assertEqual((self.there(), self.problems()), (self.expected, {}))

    def test_agreed(self) -> None:
        """The agreement stays: an edit and a deletion meanwhile cross with the next sync. The control: plain names."""
        self.make_pair()
        self.ann.put("what?.txt", b"edited")
        os.unlink(os.path.join(self.ann.path, "q?/x"))
        os.unlink(os.path.join(self.ann.path, "plain"))
        self.sync(self.ann, selection=STRICT, max_delete=1)
        del self.expected["plain"]
        self.assertEqual(self.there(), self.expected)
        self.sync(self.ann)
        del self.expected[f"{escaped('q?')}/x"]
        self.assertEqual(self.there(), {**self.expected, escaped("what?.txt"): b"edited"})

    def test_deleted(self) -> None:
        """The control: what is deleted here is deleted there, also under strict names."""
        self.make_pair()
        os.unlink(os.path.join(self.ann.path, "what?.txt"))
        self.sync(self.ann, selection=STRICT)
        del self.expected[escaped("what?.txt")]
        self.assertEqual(self.there(), self.expected)

    def test_first_sync(self) -> None:
        """What was never agreed on stays too, on both sides: the server may have it under the escaped name."""
        self.ann.put("what?.txt", b"here")
        self.make_remote_file(f"Docs/{escaped('what?.txt')}", b"there")
        self.make_remote_file("Docs/plain", b"plain")
        for direction in ("both", "pull", "push"):
            self.sync(self.ann, direction=direction, selection=STRICT, max_delete=9)
            self.assertEqual(self.ann.contents(), {"what?.txt": b"here", "plain": b"plain"})
            self.assertEqual(self.there(), {escaped("what?.txt"): b"there", "plain": b"plain"})

    def test_part(self) -> None:
        """What strict names cannot send stays on the server where only a part is compared, under either name."""
        self.make_pair()
        for name in ("what?.txt", escaped("what?.txt"), escaped("q?"), f"{escaped('q?')}/x"):
            self.sync(self.ann, selection=STRICT, scope=Scope.of([name]))
            self.assertEqual(self.there(), self.expected, name)

    def test_too_long(self) -> None:
        """A name that is too long only when it is escaped stays on the server as strict names have agreed on it."""
        name = f"{'x' * 249}{escaped('?')}"
        self.ann.put(name)
        self.ann.put("plain")
        self.sync(self.ann, selection=STRICT)
        self.assertEqual(set(self.there()), {name, "plain"})
        self.sync(self.ann)
        self.assertEqual(set(self.problems().values()), {Outcome.FAILED})
        self.assertEqual(set(self.there()), {name, "plain"})

    def test_both_spellings(self) -> None:
        """A file whose name is the other spelling of one that fails is left out and reported, and not mixed up."""
        self.ann.put("a?", b"one")
        self.ann.put(escaped("a?"), b"two")
        self.ann.put("plain")
        self.sync(self.ann)
        expected = self.there()
        self.assertEqual(len(expected), 3)
        self.sync(self.ann, selection=STRICT, max_delete=9)
        self.assertEqual(self.there(), expected)
        self.assertLessEqual({"a?", escaped("a?")}, self.problems().keys())


class MovedTests(SyncCase):
    """Files are moved into a folder that is left out: they stay on the other side until it is synced."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("c/1", "c/2", "e/3", "k"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.sync(self.bob)

    def clash(self) -> None:
        """Make the folder f4 of ann clash with one of the server."""
        self.make_remote_file("Docs/F4/x", b"x")
        self.ann.put("f4/n/y", b"y")
        self.sync(self.ann)
        self.expected = self.there()
        self.assertNotIn("f4", self.expected)
        self.assertEqual(self.problems(), {"f4": Outcome.FAILED})

    def test_clash(self) -> None:
        """What is moved into a folder whose name clashes stays on the server and at other laptops, and is said."""
        self.clash()
        self.ann.rename("c/1", "f4/n/1")
        self.ann.rename("e", "f4/n/e")
        for direction in ("both", "both", "push"):
            self.sync(self.ann, direction=direction, max_delete=9)
            self.assertEqual(self.there(), self.expected)
            self.assertEqual(self.problems(), dict.fromkeys(["f4", "c/1", "e"], Outcome.FAILED))
        self.sync(self.bob)
        self.assertEqual(self.bob.contents(), self.expected)
        self.ann.rename("f4", "g")
        self.sync(self.ann, max_delete=9)
        self.assertEqual((self.there()["g/n/1"], self.there()["g/n/e/3"]), (b"c/1", b"e/3"))
        self.assertFalse({"c/1", "e", "e/3"} & self.there().keys())
        self.assert_in_step()

    def test_deleted(self) -> None:
        """The control: what is deleted and was not moved goes, also while other things are left out."""
        self.clash()
        os.unlink(os.path.join(self.ann.path, "c/1"))
        self.ann.rename("k", "f4/k")
        self.sync(self.ann, max_delete=9)
        del self.expected["c/1"]
        self.assertEqual(self.there(), self.expected)

    def test_copied(self) -> None:
        """A file that has come there from another disk is found by its content; an edited one by its inode."""
        self.clash()
        os.unlink(os.path.join(self.ann.path, "c/1"))
        self.ann.put("f4/n/copy", b"c/1")
        self.ann.rename("c/2", "f4/n/2")
        with open(os.path.join(self.ann.path, "f4/n/2"), "ab") as edited:
            edited.write(b"more")
        self.sync(self.ann, max_delete=9)
        self.assertEqual(self.there(), self.expected)

    def test_unsendable_name(self) -> None:
        """What is moved into a folder with a name that cannot be sent, or gets such a name, stays on the server."""
        self.ann.rename("k", "k?")
        self.ann.rename("c", "c?")
        expected = self.there()
        self.sync(self.ann, selection=STRICT, max_delete=9)
        self.assertEqual(self.there(), expected)
        self.assertEqual(self.problems().keys(), {"k", "k?", "c", "c?"})
        self.sync(self.ann)
        self.assertEqual(self.there()[f"{escaped('c?')}/1"], b"c/1")
        self.assertFalse({"c", "k"} & self.there().keys())

    def test_other_form(self) -> None:
        """The files of a folder stay there whose place a new one has with the same name in its composed form."""
        self.ann.put("cafe\u0301/1", b"one")
        self.sync(self.ann)
        expected = self.there()
        self.assertIn("caf\u00e9/1", expected)
        self.ann.put("caf\u00e9/2", b"two")
        self.sync(self.ann, max_delete=9)
        self.assertEqual(self.there(), {**expected, "caf\u00e9/2": b"two"})
        self.assertEqual(self.problems().keys(), {"cafe\u0301", "caf\u00e9/1"})

    def test_watched(self) -> None:
        """A watch, which compares only parts, keeps what was moved on the server: what was left out is one of them."""
        self.clash()
        left = self.sync(self.ann).left
        self.ann.rename("c/1", "f4/n/1")
        for _ in range(2):
            left = self.sync(self.ann, max_delete=9, scope=left | Scope.of(["c/1"])).left
            self.assertEqual(self.there(), self.expected)
            self.assertEqual(left.parts, {"f4", "c/1"})

    def test_unreadable(self) -> None:
        """A renamed folder that cannot be read is not taken for deleted; when it can, it is renamed there."""
        listdir, scandir, walked = os.listdir, os.scandir, os.path.join(self.ann.path, "d")

        def refuse(original: Callable[[str], Any], path: str) -> Any:
            if path == walked:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return original(path)

        expected = self.there()
        self.ann.rename("c", "d")
        with (
            mock.patch("os.listdir", partial(refuse, listdir)),
            mock.patch("os.scandir", partial(refuse, scandir)),
        ):
            self.sync(self.ann, max_delete=9)
        self.assertEqual(self.there(), expected)
        self.assertEqual(self.problems(), dict.fromkeys(["c", "d"], Outcome.FAILED))
        self.sync(self.ann)
        self.assertEqual(self.there()["d/1"], b"c/1")
        self.assertNotIn("c", self.there())

    def test_there(self) -> None:
        """What was moved on the server into a folder that the disk here cannot hold stays here."""
        base = {"a": file("one"), "b": file("two")}
        there = {"F": DIRECTORY, "F/a": file("one"), "f": DIRECTORY}
        plan = make_plan(base, {}, SyncTree(dict(base), folding={""}), SyncTree(there), SyncOptions())
        self.assertEqual(set(plan.opaque), {"F", "f", "a"})
        self.assertIn("'F/a' on the server", plan.opaque["a"].reason)
        self.assertEqual([(each.act, each.name) for each in plan.actions], [(Act.DELETE, "b")], "the control")
