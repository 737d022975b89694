"""An account sees its part of the store, and changes what its rights allow: the store itself decides, in one step."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Iterator, Sequence

import attrs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import NO_FOLDERS, ROOT, Endpoint, FolderSet, parse
from homeftp.errors import BadRequest, Changed, Forbidden, NoSpace, NotFound, Refusal
from homeftp.interfaces.store import IStore, StoreOptions, UnrecordedChanges
from homeftp.model import ABSENT, Actor, Allotment, Capabilities, Change, Entry, ListingPage, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD, ALL, READ, Rights, parse_rights
from homeftp.testing.contract import StoreContract
from homeftp.testing.contract.case import request, sha
from tests.support.contracts import maintain_later
from tests.support.miscountingstore import MiscountingStore

NOTHING: frozenset[str] = frozenset()

ANN = Actor("ann", address="192.0.2.1")


class EverythingTests(StoreContract, SynchronousTestCase):
    """With all rights in a home of its own, an account has a store like any other."""

    def make_store(self, options: StoreOptions) -> IStore:
        """A home in a larger store."""
        whole = MemoryStore(attrs.evolve(options, record_changes=lambda changes: None))
        whole.make_directory(request("homes/ann"))
        whole.write_many([(request("outside.txt", size=1), b"x")])
        whole._log._record = lambda changes: options.record_changes([_within(each) for each in changes])
        return _Closing(whole, parse("homes/ann"), Rights())

    def maintain_later(self, store: IStore, seconds: float) -> bool:
        """By the clock of the process."""
        return maintain_later(store, seconds)


def _within(change: Change) -> Change:
    """A change as the account sees it, for tests that replay it."""
    to = None if change.to is None else Endpoint(change.to.parts[2:])
    return attrs.evolve(change, endpoint=Endpoint(change.endpoint.parts[2:]), to=to)


class _Closing(AuthorizedStore):
    """Closes the store as well."""

    def close(self) -> None:
        try:
            self.store.close()
        except UnrecordedChanges as lost:
            raise UnrecordedChanges(lost.message, [_within(each) for each in lost.changes]) from None

    def maintain(self) -> None:
        self.store.maintain()


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
        (result,) = store.write_many([(request(path, size=len(content), **fields), content)])
        if isinstance(result, Exception):
            raise result
        return result

    def names(self, store: IStore, path: str = "") -> list[str]:
        return [entry.name for page in store.list(parse(path), True) for entry in page.entries]

    def exists(self, path: str) -> bool:
        return self.whole.stat(parse(path)) is not None


class ReadingTests(AuthorizedCase):
    """What is seen."""

    def test_interface(self) -> None:
        """It is a store itself; equal where part, rights and account are the same, whatever the device."""
        store = self.seen("read")
        verifyObject(IStore, store)
        self.assertEqual(store, store.bind(Actor("ann", "phone")))
        self.assertNotEqual(store, self.seen("read,add"))
        self.assertEqual(store.capabilities, attrs.evolve(self.whole.capabilities, account_quotas=False))
        self.assertIsNone(store.read_only)
        self.assertIsNone(store.free_space())

    def test_list_once(self) -> None:
        """A backend that gives a list is listed once, even where nothing is filtered."""

        class Lists(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                return [*super().list(endpoint, recursive, hidden)]  # type: ignore[return-value]

        store = Lists()
        self.write(store, "home/a.txt")
        everything = AuthorizedStore(store, parse("home"), Rights(), ANN)
        self.assertEqual(self.names(everything), ["a.txt"])

    def test_home(self) -> None:
        """The home is the root; there is nothing beside it."""
        store = self.seen("read")
        self.assertEqual(self.names(store), ["a.txt", "d", "d/b.txt", "secret", "secret/c.txt"])
        self.assertIsNone(store.stat(parse("other")))

    def test_hidden(self) -> None:
        """Hidden entries look as if they did not exist, in every method."""
        store = self.seen("read,add,replace,delete", secret="none")
        self.assertEqual(self.names(store), ["a.txt", "d", "d/b.txt"])
        hidden, there = parse("secret/c.txt"), parse("a.txt")
        self.assertIsNone(store.stat(hidden))
        first, second = store.stat_many([hidden, there])
        self.assertEqual((first, isinstance(second, Entry)), (None, True))
        for ask in (
            store.open,
            lambda where: next(store.list(where, False)),
            lambda where: next(store.remove(where, None, False)),
        ):
            told = str(self.assertRaises(NotFound, ask, hidden))
            missing = str(self.assertRaises(NotFound, ask, parse("secret/none.txt")))
            self.assertEqual(told.replace("c.txt", ""), missing.replace("none.txt", ""))
        refused, opened = store.open_many([hidden, there], 99)
        self.assertIsInstance(refused, NotFound)
        assert not isinstance(opened, Exception)
        self.assertEqual(opened.content, b"content")
        self.write(self.whole, "home/secret/c.txt", b"later")
        self.assertEqual([version for page in store.versions(ROOT) for version in page], [])
        self.assertRaises(NotFound, store.restore, hidden, None, None)

    def test_pages(self) -> None:
        """Pages are full of what is seen: they tell nothing of what is hidden before, between and after it."""
        visible = [f"home/v/{number:04}.txt" for number in range(LISTING_PAGE)]
        for hidden in ("home/d", "home/secret", "home/z"):
            names = [f"{hidden}/{number:04}.txt" for number in range(300)]
            for content in (b"1", b"2"):
                self.whole.write_many([(request(name, size=1), content) for name in [*visible, *names]])
        grants = ((("d",), frozenset({ADD})), (("Secret",), NOTHING), (("z",), NOTHING))
        store = AuthorizedStore(self.whole, parse("home"), Rights(frozenset({READ}), grants), ANN)
        pages = [[entry.name for entry in page.entries] for page in store.list(ROOT, True)]
        self.assertEqual([len(page) for page in pages], [LISTING_PAGE, 2])
        self.assertEqual(pages[0][:3], ["a.txt", "v", "v/0000.txt"])
        versions = [len(page) for page in store.versions(ROOT)]
        self.assertEqual(versions[0], LISTING_PAGE)
        self.assertEqual({version.name.partition("/")[0] for page in store.versions(ROOT) for version in page}, {"v"})
        everything = AuthorizedStore(self.whole, parse("home"), Rights(), ANN)
        self.assertGreater(sum(len(page.entries) for page in everything.list(ROOT, True)), 1400, "the control")

    def test_hidden_by_two(self) -> None:
        """Folders that a caller hides are hidden beside those that the rights hide."""
        store = self.seen("read", secret="none")
        (page,) = store.list(ROOT, True, FolderSet(frozenset({("d",)})))
        self.assertEqual([entry.name for entry in page.entries], ["a.txt"])

    def test_places(self) -> None:
        """A folder's places are told from the home on, without those outside of it."""

        class Bound(MemoryStore):
            def places(self, folder: Endpoint) -> Sequence[Endpoint]:
                return (folder, parse("home/bound"), parse("other/d"))

        self.assertEqual(self.seen("read", Bound()).places(parse("d")), [parse("d"), parse("bound")])

    def test_miscount(self) -> None:
        """A store that gives too many results or too few has failed, and what it opened is closed."""
        there, hidden = parse("a.txt"), parse("secret/c.txt")
        for error in (-1, 1):
            whole = MiscountingStore(error)
            store = self.seen("read,add,replace", whole, secret="none")
            self.assertRaises(RuntimeError, store.stat_many, [there, hidden, there])
            self.assertRaises(RuntimeError, store.open_many, [there, hidden, there], 0)
            self.assertRaises(RuntimeError, store.write_many, [(request(name), b"") for name in ("a.txt", "b.txt")])
            self.assertEqual(whole.still_open, [])
        whole = MiscountingStore(0)  # the control
        self.assertEqual(len(self.seen("read", whole).open_many([there, there], 0)), 2)
        self.assertEqual(len(whole.still_open), 2)

    def test_resume(self) -> None:
        """Accounts that may read and write there get the resume point."""
        upload = self.whole.bind(ANN).upload(request("home/new.txt", size=9, hash=sha(b"x")))
        upload.write(b"part")
        upload.suspend()
        for rights, told in (("read,add", True), ("add", False), ("read", False), ("read,replace", True)):
            point = self.seen(rights).resume_point(parse("new.txt"), sha(b"x"), 9, None)
            self.assertEqual(point is not None, told, rights)
        bob = AuthorizedStore(self.whole, parse("home"), Rights(), Actor("bob"))
        self.assertIsNone(bob.resume_point(parse("new.txt"), sha(b"x"), 9, None), "another account's")

    def test_grouped(self) -> None:
        """Those of one account's devices are equal; those of two accounts are not, whatever they may see."""
        ann, phone, bob = (
            AuthorizedStore(self.whole, ROOT, Rights(), actor) for actor in (ANN, Actor("ann", "phone"), Actor("bob"))
        )
        self.assertEqual(ann, phone)
        self.assertNotEqual(ann, bob)


class SpaceTests(AuthorizedCase):
    """How much an account may store, and what it learns of how much others do."""

    def allotted(self, home: str, rights: str, *, quota: int | None = None, **grants: str) -> Allotment | None:
        """What the store learns of an account when it writes something, by both ways."""
        seen: list[Actor] = []

        class Noting(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                seen.append(actor)
                return super().bind(actor)

            def _actor_of(self, request: WriteRequest) -> Actor:
                seen.append(super()._actor_of(request))
                return seen[-1]

        narrower = tuple(((folder,), parse_rights(most)) for folder, most in grants.items())
        store = AuthorizedStore(Noting(), parse(home), Rights(parse_rights(rights), narrower), ANN, quota)
        self.write(store, "a.txt")
        self.write(store, "b.txt", actor=Actor("ann", "phone"))
        self.assertEqual(len({actor.allotment for actor in seen}), 1)
        return seen[0].allotment

    def test_allotment(self) -> None:
        """The store learns its home and quota, and whether it may discard what is there, and may see everything."""
        everything = "read,add,replace,delete"
        self.assertEqual(self.allotted("ann", everything, quota=9999), Allotment(parse("ann"), 9999, True, False))
        self.assertEqual(self.allotted("", everything), Allotment(ROOT, None, True, True))
        self.assertEqual(self.allotted("", "add"), Allotment(ROOT, None, False, False))
        self.assertEqual(self.allotted("", "read,add,replace"), Allotment(ROOT, None, False, True))
        self.assertEqual(self.allotted("", everything, secret="add"), Allotment(ROOT, None, False, False))

    def test_quota(self) -> None:
        """The quota counts; a store that cannot keep it refuses every change."""
        store = AuthorizedStore(self.whole, parse("home"), Rights(), ANN, 100)
        self.write(store, "new.txt", bytes(50))
        with self.assertRaisesRegex(NoSpace, "your account's quota of 100 bytes"):
            self.write(store, "more.txt", bytes(50))

        class Without(MemoryStore):
            capabilities = Capabilities()

            def __init__(self) -> None:
                super().__init__()
                self.capabilities = Capabilities()

        store = AuthorizedStore(Without(), parse("home"), Rights(), ANN, 100)
        with self.assertRaisesRegex(Forbidden, "remove your account's quota"):
            self.write(store, "new.txt")

    def test_free_space(self) -> None:
        """An account without the right to read learns nothing of it; others learn two digits."""
        whole = MemoryStore(StoreOptions(quota=123_456))
        for rights, shown in (("add", None), ("read", 120_000)):
            self.assertEqual(self.seen(rights, whole).free_space(), shown)
        self.assertEqual(whole.free_space(), 123_456)


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

            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
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

    def copy(self, store: IStore, source: str, target: str) -> Entry:
        return store.copy(parse(source), parse(target), source_precondition=None, target_precondition=None)

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
                store.copy(at, to, source_precondition=precondition, target_precondition=None)
            with self.assertRaises(refusal, msg=(source, target)):
                store.move(at, to, precondition, None)
        replacing = self.seen("read,replace")
        for target, refusal in (("d/b.txt", Changed), ("n.txt", Forbidden)):
            with self.assertRaises(refusal, msg=target):
                replacing.copy(parse("a.txt"), parse(target), source_precondition=wrong, target_precondition=None)

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
        rest = attrs.evolve(whole, offset=4)
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
        by = [(each.what, each.endpoint.whole, each.actor.account) for each in self.changes]
        done = [("add", "home/n.txt"), ("move", "home/n.txt"), ("delete", "home/m.txt"), ("add", "home/m.txt")]
        self.assertEqual(by, [*((*each, "ann") for each in done), ("add", "home/n2.txt", "bob")])

    def test_lasts(self) -> None:
        """An account neither closes the store nor maintains it."""
        store = self.seen("read")
        store.close()
        store.maintain()
        self.assertIsNotNone(store.stat(parse("a.txt")))
