"""A verification that several requests of one account share: it is read once, and each is told everything."""

from __future__ import annotations

from typing import Iterator, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost

from homeftp.accounts.access import Access
from homeftp.accounts.realm import Account
from homeftp.endpoint import NO_FOLDERS, ROOT, Endpoint, FolderSet, parse
from homeftp.errors import Forbidden, Internal, NotFound
from homeftp.files.files import Files
from homeftp.files.verifications import STEPS_AHEAD
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Actor, Damage, Verification, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.rights import ALL, READ, Rights
from tests.support.filestores import FilesTestCase
from tests.support.queuedworkers import RevocableAccess

READ_ONLY = Rights(frozenset({READ}))

STEP = Verification(files=1, size=10)


def lost(name: str) -> Verification:
    """A step that has found damage."""
    return Verification(files=1, size=10, damages=(Damage(name, "content"),))


class _Store(MemoryStore):
    """Notes when a verification begins and ends, and reads these steps."""

    def __init__(self) -> None:
        super().__init__(StoreOptions())
        self.notes: list[str] = []
        self.steps: Sequence[Verification | Exception] = [lost("a"), STEP, STEP, lost("b")]

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        self.notes.append(f"begin {endpoint.whole}")
        try:
            for number, step in enumerate(self.steps):
                if isinstance(step, Exception):
                    raise step
                self.notes.append(f"{number}")
                yield step
        finally:
            self.notes.append("end")


class SharedVerificationTests(FilesTestCase):
    """Several requests for the same verification; jobs run when a test lets them."""

    def setUp(self) -> None:
        super().setUp()
        self.store: _Store = _Store()
        self.found: dict[str, Verification] = {}

    def files_of(
        self,
        account: str = "home",
        rights: Rights = Rights(ALL),  # noqa: B008
        login: RevocableAccess | None = None,
    ) -> Files:
        """The files of an account that sees the whole store, as far as its rights go."""
        store = Account(account, self.store, Access(ROOT, rights)).store
        return self.factory.files(store, Actor(account), login or RevocableAccess())

    def verify(self, who: str, files: Files, path: str = "", *, most: int | None = None) -> Deferred[None]:
        """Verify, and note what is told; `most` steps, and then the request waits for its client."""
        endpoint = parse(path) if path else ROOT

        async def read() -> None:
            pages = files.verify(endpoint)
            steps = []
            try:
                async for step in pages:
                    steps.append(step)
                    self.found[who] = Verification.total(steps)
                    if len(steps) == most:
                        await Deferred()
            finally:
                await pages.aclose()

        reading = Deferred.fromCoroutine(read())
        self.addCleanup(reading.cancel)
        reading.addErrback(lambda failure: failure.trap(CancelledError) and None)
        return reading

    def test_shared(self) -> None:
        """Two of one account who ask for the same have it read once, and both are told everything."""
        readings = [self.verify(who, self.files_of()) for who in ("ann", "bob")]
        self.workers.work_all()
        for reading in readings:
            self.successResultOf(reading)
        everything = Verification.total([each for each in self.store.steps if isinstance(each, Verification)])
        self.assertEqual(self.found, {"ann": everything, "bob": everything})
        self.assertEqual(self.store.notes, ["begin ", "0", "1", "2", "3", "end"])

    def test_only_names(self) -> None:
        """A step in which only names were read is not told: the first that a client reads has found something."""
        self.store.steps = [Verification(), lost("a"), lost("b")]
        self.verify("ann", self.files_of(), most=1)
        self.workers.work_all()
        self.assertEqual(self.found, {"ann": lost("a")})

    def test_other_account(self) -> None:
        """An account is told nothing of what was read for another one: not how much, and nothing found before."""
        first = self.verify("ann", self.files_of("ann"))
        for _ in range(3):
            self.workers.work()
        self.assertEqual([damage.name for damage in self.found["ann"].damages], ["a"], "the control: something is")
        self.store.steps = [STEP]
        late = self.verify("bob", self.files_of("bob"))
        self.workers.work_all()
        self.successResultOf(first)
        self.successResultOf(late)
        self.assertEqual((self.found["bob"], self.store.notes.count("begin ")), (STEP, 2))

    def test_slow_account(self) -> None:
        """An account whose client does not read its answers keeps no other one waiting, as it does its own logins."""
        self.store.steps = [lost(f"{number}") for number in range(3 * STEPS_AHEAD)]
        self.verify("slow", self.files_of("ann"), most=1)
        own, other = (self.verify(who, self.files_of(who)) for who in ("ann", "bob"))
        self.workers.work_all()
        self.assertNoResult(own)
        self.successResultOf(other)

    def test_not_shared(self) -> None:
        """Who asks for another part, or sees another one by now, or comes after the end, has it read anew."""
        narrow = Rights(ALL, ((("secret",), frozenset()),))
        asked = [("ann", Rights(ALL), ""), ("bob", narrow, ""), ("eve", Rights(ALL), "d"), ("dan", READ_ONLY, "")]
        readings = [self.verify(who, self.files_of(rights=rights), path) for who, rights, path in asked]
        self.workers.work_all()
        for reading in readings:
            self.successResultOf(reading)
        self.assertEqual(self.store.notes.count("begin "), 2, "dan sees what ann sees")
        self.assertEqual(self.store.notes.count("begin d"), 1)
        self.successResultOf(self.started_anew())
        self.assertEqual(self.store.notes.count("begin "), 3)

    def test_sees_less(self) -> None:
        """Who sees only this part by now shares none that was begun when it saw all, which mends from elsewhere."""
        only = Rights(frozenset(), folders=((("d",), ALL),))
        self.store.make_directory(WriteRequest(endpoint=parse("d")))
        for who, rights in (("ann", Rights(ALL)), ("bob", only), ("eve", only)):
            self.verify(who, self.files_of(rights=rights), "d")
        self.workers.work_all()
        self.assertEqual(len(self.found), 3)
        self.assertEqual(self.store.notes.count("begin d"), 2, "bob and eve share one")

    def test_other_folders(self) -> None:
        """Above folders nothing is shared by logins with different ones, and one that may not read joins nobody."""
        for name in "ab":
            self.store.make_directory(WriteRequest(endpoint=parse(name)))
        for who, name in (("ann", "a"), ("bob", "b"), ("eve", "b")):
            rights = Rights(frozenset(), folders=(((name,), frozenset({READ})),))
            self.verify(who, self.files_of(rights=rights))
        self.verify("dan", self.files_of())
        box = self.verify("kid", self.files_of(rights=Rights(frozenset({"add"}))))
        self.workers.work_all()
        self.failureResultOf(box, NotFound)
        self.assertEqual(sorted(self.found), ["ann", "bob", "dan", "eve"])
        self.assertEqual(sorted(each for each in self.store.notes if "begin" in each), ["begin ", "begin a", "begin b"])
        for who, name in (("ann", "a"), ("bob", "b"), ("eve", "b")):
            names = [damage.name for damage in self.found[who].damages]
            self.assertEqual(names, [f"{name}/a", f"{name}/b"], who)

    def started_anew(self) -> Deferred[None]:
        """One more."""
        reading = self.verify("late", self.files_of())
        self.workers.work_all()
        return reading

    def test_late(self) -> None:
        """Who comes later is told what was found before, as soon as its access is confirmed."""
        first = self.verify("ann", self.files_of())
        for _ in range(3):
            self.workers.work()
        late = self.verify("bob", self.files_of())
        self.workers.work()
        self.assertEqual([damage.name for damage in self.found["bob"].damages], ["a"])
        self.workers.work_all()
        self.assertEqual(self.found["ann"], self.found["bob"])
        self.assertEqual((first.called, late.called, self.store.notes.count("begin ")), (True, True, 1))

    def test_first_leaves(self) -> None:
        """When the one that has begun it leaves, even in the middle of a step, others go on; the last one ends it."""
        first, second = (self.verify(who, self.files_of()) for who in ("ann", "bob"))
        self.workers.work()
        first.cancel()
        self.workers.work_all()
        self.successResultOf(second)
        self.assertEqual(self.found["bob"].files, 4)
        self.store.notes.clear()
        third = self.verify("eve", self.files_of())
        self.workers.work()
        third.cancel()
        self.workers.work_all()
        self.assertEqual(self.store.notes, ["begin ", "0", "1", "end"])

    def test_revoked(self) -> None:
        """One whose access is revoked learns nothing more, and keeps nobody from reading on."""
        login = RevocableAccess()
        first = self.verify("ann", self.files_of(login=login))
        second = self.verify("bob", self.files_of())
        self.workers.work()
        login.in_database = False
        self.workers.work()
        login.revoked = True
        self.workers.work_all()
        self.failureResultOf(first, Forbidden)
        self.successResultOf(second)
        self.assertEqual((self.found["bob"].files, self.store.notes.count("begin ")), (4, 1))
        self.assertLess(self.found["ann"].files, 4)

    def test_removed(self) -> None:
        """One whose account is removed learns nothing more of what others read, without a look of the monitor."""
        login = RevocableAccess()
        second = self.verify("bob", self.files_of())
        first = self.verify("ann", self.files_of(login=login))
        while "ann" not in self.found:
            self.assertGreater(self.workers.work(), 0, "the control: bob's jobs read for both")
        before = self.found["ann"]
        login.in_database = False
        self.workers.work_all()
        self.failureResultOf(first, Forbidden)
        self.successResultOf(second)
        self.assertEqual((self.found["ann"], self.found["bob"].files), (before, 4))

    def test_disconnected(self) -> None:
        """One whose client is gone ends; the other goes on."""
        login = RevocableAccess()
        first = self.verify("ann", self.files_of(login=login))
        second = self.verify("bob", self.files_of())
        self.workers.work()
        login.closed = True
        self.workers.work_all()
        self.failureResultOf(first, ConnectionLost)
        self.successResultOf(second)

    def test_failed(self) -> None:
        """What the store refuses in the middle is told to everybody."""
        self.store.steps = [STEP, Internal("the disk fails")]
        readings = [self.verify(who, self.files_of()) for who in ("ann", "bob")]
        self.workers.work_all()
        for reading in readings:
            self.failureResultOf(reading, Internal)
        self.assertEqual(self.store.notes.count("begin "), 1)

    def test_slow(self) -> None:
        """The reading is not endlessly ahead of one whose client does not read, and goes on when that one has left."""
        self.store.steps = [lost(f"{number}") for number in range(3 * STEPS_AHEAD)]
        slow = self.verify("ann", self.files_of(), most=1)
        fast = self.verify("bob", self.files_of())
        self.workers.work_all()
        self.assertNoResult(fast)
        self.assertEqual(self.found["bob"].files, STEPS_AHEAD + 1)
        slow.cancel()
        self.workers.work_all()
        self.successResultOf(fast)
        self.assertEqual(self.found["bob"].files, 3 * STEPS_AHEAD)

    def test_sound_steps(self) -> None:
        """Steps that have found nothing are added up for a slow one: they keep nobody waiting."""
        self.store.steps = [STEP] * (3 * STEPS_AHEAD)
        self.verify("ann", self.files_of(), most=1)
        fast = self.verify("bob", self.files_of())
        self.workers.work_all()
        self.successResultOf(fast)
