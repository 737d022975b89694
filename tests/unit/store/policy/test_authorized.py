"""An account sees its part of the store, and no more of it; test_authorized_writes.py has what it may change."""

from __future__ import annotations

from typing import Iterator, Sequence

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import NO_FOLDERS, ROOT, Endpoint, FolderSet, parse
from homeftp.errors import Forbidden, NoSpace, NotFound
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.interfaces.store import IStore, StoreOptions, UnrecordedChanges
from homeftp.model import (
    Actor,
    Allotment,
    Capabilities,
    Change,
    Entry,
    ListingPage,
    Version,
    WriteRequest,
)
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD, READ, Rights, parse_rights
from homeftp.testing.contract import StoreContract
from homeftp.testing.contract.case import request, sha
from tests.support.authorized import ANN, AuthorizedCase
from tests.support.contracts import maintain_later
from tests.support.immediatestore import ImmediateMemoryStore
from tests.support.miscountingstore import MiscountingStore

NOTHING: frozenset[str] = frozenset()


class EverythingTests(StoreContract, SynchronousTestCase):
    """With all rights in a home of its own, an account has a store like any other."""

    def make_store(self, options: StoreOptions) -> IStore:
        """A home in a larger store."""
        whole = MemoryStore(structs.replace(options, record_changes=lambda changes: None))
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
    return structs.replace(change, endpoint=Endpoint(change.endpoint.parts[2:]), to=to)


class _Closing(AuthorizedStore):
    """Closes the store as well."""

    def close(self) -> None:
        try:
            self.store.close()
        except UnrecordedChanges as lost:
            raise UnrecordedChanges(lost.message, [_within(each) for each in lost.changes]) from None

    def maintain(self) -> None:
        self.store.maintain()


class ReadingTests(AuthorizedCase):
    """What is seen."""

    def test_interface(self) -> None:
        """It is a store itself; equal where part, rights and account are the same, whatever the device."""
        store = self.seen("read")
        verifyObject(IStore, store)
        self.assertEqual(store, store.bind(Actor("ann", "phone")))
        self.assertNotEqual(store, self.seen("read,add"))
        self.assertEqual(store.capabilities, structs.replace(self.whole.capabilities, account_quotas=False))
        self.assertIsNone(store.read_only)
        self.assertIsNone(store.space().free)
        self.whole.read_only = "its disk is"
        self.assertEqual(store.read_only, "its disk is")

    def test_shown(self) -> None:
        """A change in the store shows at the account's own endpoint, where it sees it."""
        seen = self.seen("read", secret="none")
        for path, own in (("home/d/b.txt", "d/b.txt"), ("home", ""), ("home/secret/c.txt", None), ("other", None)):
            shown = seen.visible_endpoint(parse(path), directory=False)
            self.assertEqual(shown, None if own is None else parse(own), path)

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

    def test_many(self) -> None:
        """Of several at once each is told by its own name; what is hidden between them shifts nothing."""
        contents = {name: name.encode() for name in ("a.txt", "d/b.txt", "secret/c.txt")}
        for name, content in contents.items():
            self.write(self.whole, f"home/{name}", content)
        store = self.seen("read", secret="none")
        for names in (["secret/c.txt", "a.txt", "d/b.txt"], ["a.txt", "secret/c.txt", "d/b.txt"]):
            asked = [parse(name) for name in names]
            visible = [None if name == "secret/c.txt" else sha(contents[name]) for name in names]
            told = [entry.hash if isinstance(entry, Entry) else None for entry in store.stat_many(asked)]
            self.assertEqual(told, visible)
            opened = store.open_many(asked, 99)
            self.assertEqual([None if isinstance(each, Exception) else each.entry.hash for each in opened], visible)

    def test_at_once(self) -> None:
        """What the store has at hand is told of what the account may see, by its own name, and of nothing else."""
        store = ImmediateMemoryStore()
        for path in ("home/a.txt", "home/secret/c.txt", "other/d.txt"):
            self.write(store, path, path.encode())
        seen = self.seen("read", store, secret="add")
        verifyObject(IImmediateStore, seen)
        file = seen.open_at_once(parse("a.txt"), 100)
        assert file is not None
        self.assertEqual((file.content, seen.stat_at_once(parse("a.txt"))), (b"home/a.txt", seen.stat(parse("a.txt"))))
        for path in ("secret/c.txt", "secret", "d.txt", "other/d.txt", "../other/d.txt"):
            endpoint = Endpoint(tuple(path.split("/")))
            self.assertEqual((seen.stat_at_once(endpoint), seen.open_at_once(endpoint, 100)), (None, None))
        new = [seen.is_new_at_once(parse(path)) for path in ("d.txt", "a.txt", "secret/new.txt")]
        self.assertEqual(new, [True, False, False])
        slow = self.seen("read")
        self.assertEqual((slow.stat_at_once(parse("a.txt")), slow.open_at_once(parse("a.txt"), 100)), (None, None))

    def test_unseen_versions(self) -> None:
        """The store is not even asked for the versions of what the account may not see."""

        class Asked(MemoryStore):
            def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
                raise Forbidden(str(endpoint))

        for rights, path in (("add", ""), ("add", "a.txt"), ("read", "secret/c.txt")):
            self.assertEqual(list(self.seen(rights, Asked(), secret="none").versions(parse(path))), [])
        self.assertRaises(Forbidden, list, self.seen("read", Asked()).versions(parse("a.txt")))

    def test_pages(self) -> None:
        """Pages are full of what is seen: they tell nothing of what is hidden before, between and after it."""
        visible = [f"home/v/{number:04}.txt" for number in range(LISTING_PAGE)]
        for hidden in ("home/d", "home/secret", "home/z"):
            names = [f"{hidden}/{number:04}.txt" for number in range(300)]
            for content in (b"1", b"2"):
                self.whole.write_many([(request(name, size=1), content) for name in [*visible, *names]])
        grants = ((("d",), frozenset({ADD})), (("Secret",), NOTHING), (("z",), NOTHING))
        store = AuthorizedStore(self.whole, parse("home"), Rights(frozenset({READ}), grants), ANN)
        pages = [[entry.name for entry in page.entries] for page in store.list(ROOT, True) if page.entries]
        self.assertEqual([len(page) for page in pages], [LISTING_PAGE, 2])
        self.assertEqual(pages[0][:3], ["a.txt", "v", "v/0000.txt"])
        versions = [len(page) for page in store.versions(ROOT) if page]
        self.assertEqual(versions[0], LISTING_PAGE)
        self.assertEqual({version.name.partition("/")[0] for page in store.versions(ROOT) for version in page}, {"v"})
        everything = AuthorizedStore(self.whole, parse("home"), Rights(), ANN)
        self.assertGreater(sum(len(page.entries) for page in everything.list(ROOT, True)), 1400, "the control")

    def test_digests(self) -> None:
        """The digests are those of what is seen, whether the store knows some or not."""
        for name in ("secret/c.txt", "d/e.txt", "a.txt"):
            self.write(self.whole, f"home/{name}", b"content")
        for rights in (Rights(), Rights(frozenset({READ}), ((("secret",), NOTHING),))):
            store = AuthorizedStore(self.whole, parse("home"), rights, ANN)
            listed = [entry for page in store.list(ROOT, True) for entry in page.entries]
            found = [entry for page in store.list_for_digests(ROOT) for entry in page.entries]
            self.assertEqual(found, listed)
            self.assertEqual("secret" in {entry.name for entry in found}, not rights.grants)

    def test_hidden_by_two(self) -> None:
        """Folders that a caller hides are hidden beside those that the rights hide."""
        store = self.seen("read", secret="none")
        (page,) = store.list(ROOT, True, FolderSet(frozenset({("d",)})))
        self.assertEqual([entry.name for entry in page.entries], ["a.txt"])

    def test_places(self) -> None:
        """A folder's places are told from the home on, without those outside of it."""

        class Bound(MemoryStore):
            def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
                return (folder, parse("home/bound"), parse("other/d"))

        self.assertEqual(self.seen("read", Bound()).paths_to(parse("d")), [parse("d"), parse("bound")])

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
        self.assertEqual(self.allotted("ann", everything, quota=9999), Allotment(parse("ann"), 9999, True, False, True))
        self.assertEqual(self.allotted("", everything), Allotment(ROOT, None, True, True, True))
        self.assertEqual(self.allotted("", "add"), Allotment(ROOT, None, False, False, False))
        self.assertEqual(self.allotted("", "read,add,replace"), Allotment(ROOT, None, False, True, True))
        self.assertEqual(self.allotted("", everything, secret="add"), Allotment(ROOT, None, False, False, False))

    def test_quota(self) -> None:
        """The quota counts; a store that cannot keep it refuses every change."""
        store = AuthorizedStore(self.whole, parse("home"), Rights(), ANN, 30_000)
        self.write(store, "new.txt", bytes(5_000))
        with self.assertRaisesRegex(NoSpace, "your account's quota of 30.0 kB"):
            self.write(store, "more.txt", bytes(5_000))

        class Without(MemoryStore):
            capabilities = Capabilities()

            def __init__(self) -> None:
                super().__init__()
                self.capabilities = Capabilities()

        store = AuthorizedStore(Without(), parse("home"), Rights(), ANN, 100)
        with self.assertRaisesRegex(Forbidden, "remove your account's quota"):
            self.write(store, "new.txt")
        self.write(AuthorizedStore(Without(), parse("home"), Rights(), ANN), "new.txt")

    def test_quota_of_every_write(self) -> None:
        """No call that stores something is outside of the quota."""
        store = AuthorizedStore(self.whole, parse("home"), Rights(), ANN, 25_000)
        self.write(store, "large", bytes(4_000))
        for write in (
            lambda: store.make_directory(request("n")),
            lambda: list(store.copy(parse("large"), parse("n"), source_precondition=None, target_precondition=None)),
            lambda: store.upload(request("n", size=4_000)),
            lambda: self.write(store, "n", bytes(4_000)),
        ):
            self.assertRaises(NoSpace, write)
        AuthorizedStore(self.whole, parse("home"), Rights(), ANN, 90_000).make_directory(request("n"))

    def test_space(self) -> None:
        """An account without the right to read learns nothing of it; others learn two digits."""
        whole = MemoryStore(StoreOptions(quota=123_456))
        for rights, shown in (("add", None), ("read", 120_000)):
            self.assertEqual(self.seen(rights, whole).space().free, shown)
        self.assertEqual(whole.space().free, 123_456)
