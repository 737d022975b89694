"""What a store does or gives step by step, and the digests of a directory: what is hashed, and how far it is."""

from __future__ import annotations

from functools import partial
from typing import AsyncIterator, Callable, Iterator, Sequence

import attrs
from msgspec import structs
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import LISTING_PAGE, Limits
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import Changed, Damaged, Forbidden, NotFound, Refusal, WrongKind
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs
from homeftp.files.pages import HASHED_TOGETHER, REPORTED_FILES, Pages, Steps, StorePages, TreeSteps, copied, total
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.treedigest import TreeDigester
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry, ListingPage, TreeDigest, TreeProgress
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.outcomes import catch
from tests.support.filestores import FilesTestCase
from tests.support.queuedworkers import QueuedWorkers

A, D = parse("a"), parse("d")


class StepsTests(SynchronousTestCase):
    """Steps of a generator."""

    def setUp(self) -> None:
        self.done: list[str] = []

    def steps(self) -> Iterator[int]:
        """Two steps; notes what was done."""
        self.done.append("begun")
        try:
            yield 1
            yield 2
        finally:
            self.done.append("closed")

    def test_all(self) -> None:
        """Nothing begins before the first step; after the last comes None."""
        steps = Steps(self.steps)
        self.assertEqual(self.done, [])
        self.assertEqual([steps.next() for _ in range(4)], [1, 2, None, None])
        self.assertEqual(self.done, ["begun", "closed"])

    def test_close(self) -> None:
        """Closing ends what was begun, and nothing where nothing was, or where it cannot be closed."""
        steps = Steps(self.steps)
        steps.close()
        self.assertIsNone(steps.next())
        self.assertEqual(self.done, [])
        steps = Steps(self.steps)
        steps.next()
        steps.close()
        self.assertEqual(self.done, ["begun", "closed"])
        plain = Steps(lambda: iter([1, 2]))
        plain.next()
        plain.close()


class CopiedTests(SynchronousTestCase):
    """A copy, step by step."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = PermanentLogin()
        self.closed = False

    def copy(self, *steps: int | Entry) -> Iterator[int | Entry]:
        try:
            yield from steps
        finally:
            self.closed = True

    def begin(self, *steps: int | Entry) -> Deferred[Entry]:
        return Deferred.fromCoroutine(copied(RevocableJobs(self.workers, self.login), partial(self.copy, *steps)))

    def test_steps(self) -> None:
        """Each step is a slice of its own, so that those of other accounts run in between."""
        entry = Entry("a", "file", 3)
        running = self.begin(1, 2, entry)
        self.assertEqual([self.workers.work() for _ in range(4)], [1] * 4)
        self.assertEqual((self.successResultOf(running), self.closed), (entry, True))

    def test_not_wanted(self) -> None:
        """Once the client has disconnected no further step is made, and the store is told."""
        running = self.begin(1, 2, 3)
        self.workers.work()
        self.login.closed = True
        self.assertFalse(self.closed, "the control")
        self.workers.work_all()
        self.failureResultOf(running, ConnectionLost)
        self.assertTrue(self.closed)

    def test_no_entry(self) -> None:
        """A store that gives no entry is at fault."""
        running = self.begin(1)
        self.workers.work_all()
        self.failureResultOf(running, RuntimeError)


class PagesTests(SynchronousTestCase):
    """Pages for `async for`."""

    def test_pages(self) -> None:
        """Each page is a job of its own, so that a long listing does not keep a thread."""
        workers = QueuedWorkers()

        async def collect(pages: AsyncIterator[int]) -> list[int]:
            return [page async for page in pages]

        collecting = Deferred.fromCoroutine(collect(StorePages(workers, lambda: iter([1, 2]), DeferredSemaphore(1))))
        for _ in range(3):
            self.assertNoResult(collecting)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(collecting), [1, 2])

    def test_empty(self) -> None:
        """A page without anything is a step that takes its turn, and is not given."""
        workers = QueuedWorkers()
        steps = [ListingPage(()), ListingPage((Entry("a", "file"),)), ListingPage(()), ListingPage((), (("b", "why"),))]

        async def collect(pages: AsyncIterator[ListingPage]) -> list[ListingPage]:
            return [page async for page in pages]

        collecting = Deferred.fromCoroutine(collect(StorePages(workers, lambda: iter(steps), DeferredSemaphore(1))))
        for _ in range(5):
            self.assertNoResult(collecting)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(collecting), [steps[1], steps[3]])

    def test_closed(self) -> None:
        """Pages that are not read to the end are closed in the pool; those that were, or never began, need no job."""
        workers = QueuedWorkers()
        done: list[str] = []

        def begin() -> Iterator[int]:
            try:
                yield 1
                yield 2
            finally:
                done.append("closed")

        pages = StorePages(workers, begin, DeferredSemaphore(1))
        self.successResultOf(Deferred.fromCoroutine(pages.aclose()))
        reading = Deferred.fromCoroutine(pages.__anext__())
        workers.work()
        self.assertEqual((self.successResultOf(reading), done), (1, []))
        closing = Deferred.fromCoroutine(pages.aclose())
        self.assertNoResult(closing)
        workers.work()
        self.successResultOf(closing)
        self.assertEqual(done, ["closed"])
        self.successResultOf(Deferred.fromCoroutine(pages.aclose()))
        self.assertEqual(workers.jobs, [])

    def test_slots(self) -> None:
        """A listing begins when the account may have one more; however one ends, the next begins."""
        workers = QueuedWorkers()
        slots = DeferredSemaphore(1)
        begun: list[int] = []

        def listing(number: int, *steps: Callable[[], int]) -> Pages[int]:
            def begin() -> Iterator[int]:
                begun.append(number)
                for step in steps:
                    yield step()

            return StorePages(workers, begin, slots)

        def broken() -> int:
            raise NotFound("it does not exist")

        made = [listing(0, int), listing(1, broken), listing(2, int, int), listing(3, int)]
        first = [Deferred.fromCoroutine(pages.__anext__()) for pages in made]
        workers.work()
        self.assertEqual((self.successResultOf(first[0]), begun), (0, [0]))
        self.assertEqual(workers.work(), 0)
        last = Deferred.fromCoroutine(made[0].__anext__())
        workers.work()
        self.failureResultOf(last, StopAsyncIteration)
        workers.work()
        self.failureResultOf(first[1], NotFound)
        workers.work()
        self.assertEqual((self.successResultOf(first[2]), begun), (0, [0, 1, 2]))
        closing = Deferred.fromCoroutine(made[2].aclose())
        workers.work()
        self.successResultOf(closing)
        workers.work()
        self.assertEqual((self.successResultOf(first[3]), begun), (0, [0, 1, 2, 3]))
        for pages in made:
            Deferred.fromCoroutine(pages.aclose())
            workers.work()
        self.assertEqual(slots.tokens, 1)

    def test_disconnected(self) -> None:
        """No page is made for a client that has disconnected, whether its listing has begun or waits."""
        workers = QueuedWorkers()
        slots = DeferredSemaphore(1)
        closed = [False]
        begun, waiting = (StorePages(workers, lambda: iter([1, 2]), slots, lambda: closed[0]) for _ in range(2))
        reading = [Deferred.fromCoroutine(pages.__anext__()) for pages in (begun, waiting)]
        self.assertEqual(workers.work(), 1, "the control")
        closed[0] = True
        self.failureResultOf(Deferred.fromCoroutine(begun.__anext__()), ConnectionLost)
        self.successResultOf(reading[0])
        self.failureResultOf(reading[1], ConnectionLost)
        self.assertEqual((workers.jobs, slots.tokens), ([], 1))

    def test_total(self) -> None:
        """Steps are added up, each a job of its own, and closed at the end."""
        workers = QueuedWorkers()
        adding = Deferred.fromCoroutine(total(RevocableJobs(workers, PermanentLogin()), lambda: iter([1, 0, 5])))
        for _ in range(5):
            self.assertNoResult(adding)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(adding), 6)


class ForgetfulStore(MemoryStore):
    """A store whose listings have no hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.on_open: Callable[[Endpoint], None] = lambda endpoint: None

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        for page in super().list(endpoint, recursive, hidden):
            yield structs.replace(page, entries=tuple(attrs.evolve(entry, hash=None) for entry in page.entries))

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        found = super().stat_many(endpoints)
        return [attrs.evolve(each, hash=None) if isinstance(each, Entry) else each for each in found]

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return [catch(self._open_one, endpoint, inline) for endpoint in endpoints]

    def _open_one(self, endpoint: Endpoint, inline: int) -> IOpenFile:
        self.opened.append(str(endpoint))
        self.on_open(endpoint)
        (file,) = super().open_many([endpoint], inline)
        if isinstance(file, Exception):
            raise file
        return UnhashedFile(file) if isinstance(file, BytesFile) and file.content is None else file


class UnhashedFile(BytesFile):
    """A large file, which is hashed in two steps."""

    def __init__(self, file: BytesFile) -> None:
        super().__init__(attrs.evolve(file.entry, hash=None), file.read(0, file.entry.size))

    def hash_steps(self) -> Iterator[str | None]:
        """Its hash, in the second step."""
        yield None
        yield hash_bytes(self.read(0, self.entry.size))


async def collect(steps: AsyncIterator[TreeProgress | TreeDigest]) -> Sequence[TreeProgress | TreeDigest]:
    """All steps."""
    return [step async for step in steps]


class TreeTests(FilesTestCase):
    """`Files.tree_digest`."""

    def lay_all(self, store: MemoryStore) -> None:
        """A page and a bit of files, one of them large, and a file elsewhere."""
        self.store = store
        self.files = self.factory.files(store, login=self.login)
        contents = {f"d/{number:05}": str(number).encode() for number in range(LISTING_PAGE + HASHED_TOGETHER)}
        contents["d/z/large"] = b"x" * 1_000_000
        self.lay({**contents, "a": b"elsewhere"})
        self.size = sum(map(len, contents.values()))

    def expected(self) -> TreeDigest:
        """The digests by the store itself."""
        digester = TreeDigester()
        for page in MemoryStore.list(self.store, D, True):
            for entry in page.entries:
                digester.add(entry)
        return digester.finish()

    def test_known(self) -> None:
        """Where all hashes are known nothing is read; the digests come last."""
        self.lay_all(MemoryStore())
        *progress, digest = self.result_of(collect(self.files.tree_digest(D)))
        self.assertEqual(digest, self.expected())
        assert isinstance(digest, TreeDigest)
        self.assertEqual((digest.files, digest.directories), (LISTING_PAGE + HASHED_TOGETHER + 1, 1))
        self.assertEqual(progress, [TreeProgress(0, 0), TreeProgress(LISTING_PAGE, 0)])

    def test_directories(self) -> None:
        """The digests of larger directories beneath are told once, when they are complete; small ones are not."""
        store = self.store = MemoryStore()
        self.files = self.factory.files(store, login=self.login)
        sizes = {"d/few": REPORTED_FILES - 1, "d/many": REPORTED_FILES, "d/page": LISTING_PAGE, "d/x/y": REPORTED_FILES}
        self.lay({f"{name}/{number:04}": name.encode() for name, size in sizes.items() for number in range(size)})
        steps = self.result_of(collect(self.files.tree_digest(D)))
        told = [each for step in steps if isinstance(step, TreeProgress) for each in step.directories]
        self.assertEqual([name for name, _ in told], ["many", "page", "x/y", "x"])
        for name, digests in told:
            (*_, expected) = self.result_of(collect(self.files.tree_digest(D.at(name))))
            self.assertEqual(digests, expected, name)

    def test_skipped_directories(self) -> None:
        """A directory in which something is skipped is not told, nor is one around it; the control is beside it."""
        names = [f"{directory}/{number:02}" for directory in ("a/b", "c") for number in range(REPORTED_FILES)]
        entries = [Entry(name, "directory") for name in ("a", "a/b", "c")] + [
            Entry(name, "file", 1, 0, 0o644, hash_bytes(b"x")) for name in names
        ]
        entries.sort(key=lambda entry: entry.name)
        for skipped, expected in (("a/b/link", ["c"]), ("a/b", ["c"]), ("link", ["a/b", "a", "c"])):
            steps = TreeSteps(partial(iter, [ListingPage(tuple(entries), ((skipped, "no"),))]))
            self.assertEqual([list(each) for each in steps.steps()], [[]])
            self.assertEqual((steps.finish().skipped, [name for name, _ in steps.take_directories()]), (1, expected))
            self.assertEqual(steps.take_directories(), ())

    def test_unknown(self) -> None:
        """Files without a hash are read, each once; the digests are the same, and the steps say how much was read."""
        self.lay_all(store := ForgetfulStore())
        *progress, digest = self.result_of(collect(self.files.tree_digest(D)))
        self.assertEqual(digest, self.expected())
        self.assertEqual(len(store.opened), LISTING_PAGE + HASHED_TOGETHER + 1)
        self.assertEqual(len(set(store.opened)), len(store.opened))
        assert isinstance(progress[-1], TreeProgress)
        self.assertEqual(progress[-1].size, self.size)

    def test_removed(self) -> None:
        """A file that is removed after it was listed does not count."""
        self.lay_all(store := ForgetfulStore())

        def remove(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                list(store.remove(endpoint, None, False))

        store.on_open = remove
        *_, digest = self.result_of(collect(self.files.tree_digest(D)))
        assert isinstance(digest, TreeDigest)
        self.assertEqual(digest, self.expected())
        self.assertEqual(digest.files, LISTING_PAGE + HASHED_TOGETHER)

    def test_refused(self) -> None:
        """What is not there, or is a file, is refused; and one file that cannot be hashed refuses all."""
        self.lay_all(store := ForgetfulStore())
        self.error_of(NotFound, collect(self.files.tree_digest(parse("none"))))
        self.error_of(WrongKind, collect(self.files.tree_digest(A)))

        def busy(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                raise Changed("it is being changed")

        store.on_open = busy
        self.error_of(Changed, collect(self.files.tree_digest(D)))

    def refuse_one(self, refusal: Refusal) -> TreeDigest:
        """The digests where one file is refused when it is opened, and its hash stays unknown."""
        self.lay_all(store := ForgetfulStore())

        def refuse(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                raise refusal

        store.on_open = refuse
        *_, digest = self.result_of(collect(self.files.tree_digest(D)))
        assert isinstance(digest, TreeDigest)
        self.assertNotEqual(digest.content, self.expected().content)
        return digest

    def test_not_comparable(self) -> None:
        """A file that the server may not read, or that is a link by now, counts as skipped; it refuses nothing."""
        for refusal in (Forbidden("no permission"), WrongKind("a symbolic link")):
            digest = self.refuse_one(refusal)
            self.assertEqual((digest.skipped, digest.files), (1, LISTING_PAGE + HASHED_TOGETHER))

    def test_revoked(self) -> None:
        """A login that is revoked while files are hashed gets no digest, and no further file is opened for it."""
        self.lay_all(store := ForgetfulStore())

        def revoke(endpoint: Endpoint) -> None:
            self.login.revoked = True

        store.on_open = revoke
        self.error_of(Forbidden, collect(self.files.tree_digest(D)))
        self.assertLessEqual(len(store.opened), HASHED_TOGETHER)
        self.assertGreater(len(store.opened), 0, "the control")

    def test_damaged(self) -> None:
        """A file that cannot be read counts as damaged, also where that is not marked."""
        digest = self.refuse_one(Damaged("its disk has not kept it"))
        self.assertEqual((digest.damaged, digest.files), (1, LISTING_PAGE + HASHED_TOGETHER + 1))

    def test_client_gone(self) -> None:
        """The hashing of a large file ends when the client has gone, and no listing stays under way."""
        self.lay_all(ForgetfulStore())
        for _ in range(2 * Limits().account_listings):
            self.error_of(ConnectionLost, collect(self.files.tree_digest(parse("d/z"), lambda: True)))
        self.result_of(collect(self.files.tree_digest(parse("d/z"))))
