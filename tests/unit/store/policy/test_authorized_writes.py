"""An account changes what its rights allow: the store itself decides, in one step."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

from msgspec import structs

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, Forbidden, NotFound, Refusal
from homeftp.interfaces.store import IStore
from homeftp.model import ABSENT, PRESENT, Actor, Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD, ALL, DELETE, READ, Rights
from homeftp.testing.contract.case import request, sha
from tests.support.authorized import ANN, AuthorizedCase


class WritingTests(AuthorizedCase):
    """What is changed."""

    def outcome(self, act: Callable[[], object]) -> str:
        """Whether it was done, or the class of its refusal."""
        try:
            act()
        except Refusal as refused:
            return type(refused).__name__
        return "done"

    def test_writes(self) -> None:
        """Rights against what exists and the condition, for each way to write."""
        expected = {
            #             new     old  | old absent  old hash
            "read,add": ("done", "Forbidden", "Changed", "Forbidden"),
            "add": ("done", "Forbidden", "Forbidden", "Forbidden"),
            "read,replace": ("Forbidden", "done", "Forbidden", "done"),
            "replace": ("Forbidden", "Forbidden", "Forbidden", "Forbidden"),
            "add,replace": ("done", "done", "Forbidden", "Forbidden"),
            "read": ("Forbidden", "Forbidden", "Forbidden", "Forbidden"),
            "read,add,replace": ("done", "done", "Changed", "done"),
        }

        def upload(store: IStore, path: str, **fields: Any) -> object:
            incoming = store.upload(request(path, size=0, **fields))
            return incoming.commit()

        def write(store: IStore, path: str, **fields: Any) -> object:
            return self.write(store, path, b"", **fields)

        for act in (write, upload):
            for rights, outcomes in expected.items():
                self.write(self.whole, "home/old.txt", b"old")
                store = self.seen(rights)
                new = self.outcome(partial(act, store, "new.txt"))
                absent = self.outcome(partial(act, store, "old.txt", precondition=ABSENT))
                named = self.outcome(partial(act, store, "old.txt", precondition=sha(b"old")))
                self.write(self.whole, "home/old.txt", b"old")
                old = self.outcome(partial(act, store, "old.txt"))
                self.assertEqual((new, old, absent, named), outcomes, (act.__name__, rights))
                self.assertEqual(self.exists("home/new.txt"), new == "done")
                if new == "done":
                    list(self.whole.remove(parse("home/new.txt"), None, False))

    def test_no_race(self) -> None:
        """An account with replace and without add creates nothing, even if the file is removed at the last moment."""

        class Removes(MemoryStore):
            """Somebody is quicker."""

            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
                if requests[0][1] == b"new":
                    list(self.remove(requests[0][0].endpoint, None, False))
                return super().write_many(requests)

        whole = Removes()
        self.write(whole, "home/a.txt", b"old")
        store = self.seen("read,replace", whole)
        self.assertRaises(Forbidden, self.write, store, "a.txt", b"new")
        self.assertIsNone(whole.stat(parse("home/a.txt")))
        self.write(whole, "home/a.txt", b"old")
        everything = self.seen("read,add,replace", whole)
        self.write(everything, "a.txt", b"new")
        self.assertIsNotNone(whole.stat(parse("home/a.txt")), "the control: with `add` it is created")

    def test_together(self) -> None:
        """Of writes together each has its own outcome, in order."""
        store = self.seen("read,add", secret="none")
        asked = [request(path, size=1) for path in ("n1.txt", "a.txt", "secret/x.txt", "n2.txt")]
        results = store.write_many([(each, b"x") for each in asked])
        self.assertEqual([type(each) for each in results], [Entry, Forbidden, Forbidden, Entry])
        self.assertEqual(store.write_many([]), [])

    def test_directories(self) -> None:
        """Making a directory needs "add"; changing the metadata of an existing one needs "replace"."""
        self.assertEqual(self.seen("read,add").make_directory(request("n/e/w")).kind, "directory")
        self.assertRaises(Forbidden, self.seen("read,replace").make_directory, request("n2"))
        self.assertEqual(self.seen("read,replace").make_directory(request("d", mode=0o700)).mode, 0o700)
        self.assertRaises(Forbidden, self.seen("read,add").make_directory, request("d", mode=0o755))
        self.assertFalse(self.exists("home/n2"))

    def test_metadata(self) -> None:
        """Changing metadata needs "replace", and "read"."""
        change: dict[str, Any] = {"mtime_us": 1, "mode": None, "precondition": None}
        self.assertEqual(self.seen("read,replace").set_metadata(parse("a.txt"), **change).mtime_us, 1)
        self.assertRaises(Forbidden, self.seen("read,add").set_metadata, parse("a.txt"), **change)
        self.assertRaises(NotFound, self.seen("replace").set_metadata, parse("a.txt"), **change)

    def test_edit(self) -> None:
        """A draft shows the content: without `read` only what is new can be edited."""
        draft = self.seen("read,replace").edit(request("a.txt"))
        self.assertEqual(draft.read(0, 9), b"content")
        draft.abort()
        self.assertRaises(Forbidden, self.seen("add,replace").edit, request("a.txt"))
        self.assertRaises(Forbidden, self.seen("read").edit, request("a.txt"))
        draft = self.seen("add").edit(request("new.txt", precondition=ABSENT))
        draft.write(0, b"x")
        draft.commit()
        self.assertTrue(self.exists("home/new.txt"))
        self.assertRaises(Forbidden, self.seen("add").edit, request("a.txt", precondition=ABSENT))

    def test_edit_empty(self) -> None:
        """A draft that begins empty shows nothing: `read` is not needed for it, and `replace` is."""
        self.assertRaises(Forbidden, self.seen("add").edit, request("a.txt", empty=True))
        draft = self.seen("add,replace").edit(request("a.txt", empty=True))
        self.assertEqual(draft.size, 0)
        draft.commit()
        found = self.seen("read").stat(parse("a.txt"))
        assert found is not None
        self.assertEqual(found.size, 0)

    def copy(self, store: IStore, source: str, target: str) -> Entry:
        *_, entry = store.copy(parse(source), parse(target), source_precondition=None, target_precondition=None)
        assert isinstance(entry, Entry)
        return entry

    def test_copy(self) -> None:
        """A copy needs to read here, and to write there."""
        self.assertEqual(self.copy(self.seen("read,add"), "a.txt", "n.txt").size, 7)
        self.assertRaises(Forbidden, self.copy, self.seen("read,add"), "a.txt", "d/b.txt")
        self.assertRaises(Forbidden, self.copy, self.seen("read,replace"), "a.txt", "n2.txt")
        self.assertRaises(NotFound, self.copy, self.seen("add"), "a.txt", "n2.txt")
        self.assertRaises(Forbidden, self.copy, self.seen("read,add", d="add"), "a.txt", "d/n.txt")
        self.assertEqual(self.copy(self.seen("read,replace"), "a.txt", "d/b.txt").size, 7)

    def test_move(self) -> None:
        """A move needs to remove here, and to add there; to replace there if something exists."""
        store = self.seen("read,add,delete")
        store.move(parse("a.txt"), parse("d/n.txt"), None, None)
        self.assertRaises(Forbidden, store.move, parse("d/n.txt"), parse("d/b.txt"), None, None)
        self.assertRaises(Forbidden, self.seen("read,add").move, parse("d/n.txt"), parse("e.txt"), None, None)
        self.assertRaises(Forbidden, self.seen("read,delete").move, parse("d/n.txt"), parse("e.txt"), None, None)
        self.assertRaises(NotFound, self.seen("add,delete").move, parse("d/n.txt"), parse("e.txt"), None, None)
        narrow = self.seen("read,add,replace,delete", d="read")
        self.assertRaises(Forbidden, narrow.move, parse("d"), parse("e"), None, None)
        narrow = self.seen("read,add,replace,delete", d="add")
        hidden = self.assertRaises(Forbidden, narrow.move, parse("secret/c.txt"), parse("d/b.txt"), None, ABSENT)
        self.assertNotIn("exist", str(hidden))
        self.assertRaises(NotFound, narrow.move, parse("none.txt"), parse("d/b.txt"), None, None)
        everything = self.seen("read,add,replace,delete")
        self.assertRaises(Changed, everything.move, parse("d/n.txt"), parse("d/b.txt"), None, ABSENT)
        everything.move(parse("d/n.txt"), parse("d/b.txt"), None, None)

    def test_move_all(self) -> None:
        """What is in a directory that is moved counts too: all of it must be seen, and allowed where it goes."""
        everything = "read,add,replace,delete"
        for name in ("old/secret/x", "free/x"):
            self.write(self.whole, f"home/{name}")
        inside = ((("old", "secret"), frozenset({DELETE, ADD})),)
        narrow = AuthorizedStore(self.whole, parse("home"), Rights(ALL, inside), ANN)
        self.assertRaises(Forbidden, narrow.move, parse("old"), parse("new"), None, None)
        beneath = ((("new", "secret"), frozenset({READ})),)
        narrow = AuthorizedStore(self.whole, parse("home"), Rights(ALL, beneath), ANN)
        self.assertRaises(Forbidden, narrow.move, parse("old"), parse("new"), None, None)
        narrow.move(parse("free"), parse("other"), None, None)
        self.seen(everything).move(parse("old"), parse("new"), None, None)

    def test_move_to_what_is_hidden(self) -> None:
        """Where it may add and remove, and not read, a move tells nothing of what is there, under any condition."""
        store = self.seen("read,add,replace,delete", d="add,delete")
        hidden = self.assertRaises(Forbidden, store.move, parse("a.txt"), parse("d/b.txt"), None, None)
        for condition in (PRESENT, sha(b"content"), sha(b"wrong")):
            for name in ("d/b.txt", "d/none.txt"):
                told = self.assertRaises(Forbidden, store.move, parse("a.txt"), parse(name), None, condition)
                self.assertEqual(str(told).replace("none", "b"), str(hidden))
        store.move(parse("a.txt"), parse("d/new.txt"), None, None)
        for name in ("none.txt", "d/b.txt"):
            with self.assertRaisesRegex(Forbidden, "store this"):
                self.seen("read,add,delete").move(parse("secret/c.txt"), parse(name), None, PRESENT)
        drop = self.seen("add")
        self.assertRaises(Forbidden, drop.make_directory, request("d", precondition=PRESENT))
        self.assertRaises(Forbidden, drop.make_directory, request("none", precondition=PRESENT))

    def test_other_refusals(self) -> None:
        """A refusal that has nothing to do with a right that is lacking is told as it is; the control lacks one."""
        store, wrong = self.seen("read,add,delete"), sha(b"wrong")
        for source, target, precondition, refusal in (
            ("none.txt", "d/b.txt", None, NotFound),
            ("none.txt", "n.txt", None, NotFound),
            ("a.txt", "n.txt", wrong, Changed),
            ("a.txt", "d/b.txt", None, Forbidden),
        ):
            at, to = parse(source), parse(target)
            with self.assertRaises(refusal, msg=(source, target)):
                list(store.copy(at, to, source_precondition=precondition, target_precondition=None))
            with self.assertRaises(refusal, msg=(source, target)):
                store.move(at, to, precondition, None)
        replacing = self.seen("read,replace")
        for target, refusal in (("d/b.txt", Changed), ("n.txt", Forbidden)):
            with self.assertRaises(refusal, msg=target):
                list(replacing.copy(parse("a.txt"), parse(target), source_precondition=wrong, target_precondition=None))

    def test_remove(self) -> None:
        """A directory is removed where all that may be in it may be."""
        self.assertRaises(Forbidden, lambda: list(self.seen("read,add").remove(parse("a.txt"), None, False)))
        narrow = self.seen("read,delete", secret="read")
        self.assertRaises(Forbidden, lambda: list(narrow.remove(parse("secret"), None, True)))
        self.assertEqual(sum(narrow.remove(parse("d"), None, True)), 2)

    def test_home_stays(self) -> None:
        """An account neither removes nor moves its home, whatever its rights."""
        store = self.seen("read,add,replace,delete")
        self.assertRaises(BadRequest, lambda: list(store.remove(ROOT, None, True)))
        self.assertRaises(BadRequest, store.move, ROOT, parse("elsewhere"), None, None)
        self.assertTrue(self.exists("home/a.txt"))

    def test_restore(self) -> None:
        """Restoring adds and replaces, so it needs both."""
        self.write(self.whole, "home/a.txt", b"later")
        self.assertRaises(Forbidden, self.seen("read,add").restore, parse("a.txt"), None, None)
        self.assertEqual(self.seen("read,add,replace").restore(parse("a.txt"), None, None).size, 7)

    def test_offset(self) -> None:
        """An account that may not read continues no upload. The control: one that may read continues it."""
        whole = request("new.txt", size=9, hash=sha(b"part+rest"))
        begun = self.seen("add").upload(whole)
        begun.write(b"part")
        begun.suspend()
        rest = structs.replace(whole, offset=4)
        self.assertRaises(Forbidden, self.seen("add").upload, rest)
        resumed = self.seen("read,add").upload(rest)
        resumed.write(b"+rest")
        self.assertEqual(resumed.commit().hash, whole.hash)

    def test_actor(self) -> None:
        """Changes are recorded as the account's, at their place in the whole store."""
        store = AuthorizedStore(self.whole, parse("home"), Rights(ALL), ANN)
        self.changes.clear()
        self.write(store, "n.txt")
        store.move(parse("n.txt"), parse("m.txt"), None, None)
        list(store.remove(parse("m.txt"), None, False))
        store.restore(parse("m.txt"), None, None)
        self.write(store, "n2.txt", actor=Actor("bob"))
        for each in (
            store.upload(request("n3.txt", size=0)),
            store.edit(request("n4.txt")),
        ):
            each.commit()
        store.make_directory(request("n5"))
        self.copy(store, "n2.txt", "n6.txt")
        store.set_metadata(parse("n6.txt"), mtime_us=1, mode=None, precondition=None)
        by = [(each.what, each.endpoint.whole, each.actor.account) for each in self.changes]
        done = [("add", "home/n.txt"), ("move", "home/n.txt"), ("delete", "home/m.txt"), ("add", "home/m.txt")]
        done += [("add", f"home/{name}") for name in ("n3.txt", "n4.txt", "n5", "n6.txt")]
        done.append(("metadata", "home/n6.txt"))
        self.assertEqual([each for each in by if each[2] == "ann"], [(*each, "ann") for each in done])
        self.assertEqual([each for each in by if each[2] != "ann"], [("add", "home/n2.txt", "bob")])

    def test_lasts(self) -> None:
        """An account neither closes the store nor maintains it."""
        store = self.seen("read")
        store.close()
        store.maintain()
        self.assertIsNotNone(store.stat(parse("a.txt")))
