"""`Files`: an account's files, asynchronous."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Sequence

from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from zope.interface.verify import verifyObject

from homeftp.config import SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed, Forbidden, NotFound, TooLarge, WrongKind
from homeftp.files.files import Files
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IFiles
from homeftp.model import ABSENT, Actor, WriteRequest
from homeftp.server.json.payload import WholePayload
from homeftp.store.memory import MemoryStore
from tests.support.countingstore import CountingStore
from tests.support.filestores import FilesTestCase, request_for

A, B, D = parse("a"), parse("b"), parse("d")


async def collect(pages: AsyncIterator[Any]) -> list[Any]:
    """All pages."""
    return [page async for page in pages]


class ReadingTests(FilesTestCase):
    """What reads."""

    def setUp(self) -> None:
        super().setUp()
        self.lay({"a": b"content", "d/large": b"x" * (SMALL_FILE + 1)})

    def test_interface(self) -> None:
        """It provides the interface, and says what its store can do."""
        verifyObject(IFiles, self.files)
        self.assertEqual(self.files.capabilities, self.store.capabilities)
        self.assertIsNone(self.files.read_only)
        self.assertEqual(self.factory.files(MemoryStore(read_only="a reason")).read_only, "a reason")

    def test_stat(self) -> None:
        """`stat` gives an entry, and None where nothing exists."""
        entry = self.result_of(self.files.stat(A))
        assert entry is not None
        self.assertEqual((entry.kind, entry.size, entry.hash), ("file", 7, hash_bytes(b"content")))
        self.assertIsNone(self.result_of(self.files.stat(B)))

    def test_stat_with_resume(self) -> None:
        """Beside what exists, how much of the content that is described arrived earlier."""
        request = request_for("b", b"x" * 100)
        upload = self.store.upload(request)
        upload.write(b"x" * 60)
        upload.suspend()
        entry, resume = self.result_of(self.files.stat_with_resume(B, request.hash, 100, None))
        assert resume is not None
        self.assertEqual((entry, resume.size, resume.hash), (None, 60, hash_bytes(b"x" * 60)))

    def test_together(self) -> None:
        """All calls made while a job runs make up one job."""
        running = [self.start(self.files.stat(A)) for _ in range(20)]
        self.assertEqual([self.workers.work() for _ in range(3)], [1, 1, 0])
        for each in running:
            self.successResultOf(each)

    def test_hash(self) -> None:
        """The entry with its hash; what cannot be hashed is refused."""
        for endpoint, content in ((A, b"content"), (parse("d/large"), b"x" * (SMALL_FILE + 1))):
            self.assertEqual(self.result_of(self.files.hash(endpoint)).hash, hash_bytes(content))
        self.error_of(NotFound, self.files.hash(B))
        self.error_of(WrongKind, self.files.hash(D))

    def test_read(self) -> None:
        """A whole file, small or not, up to the limit."""
        self.assertEqual(self.result_of(self.files.read(A, 7)), b"content")
        self.assertEqual(len(self.result_of(self.files.read(parse("d/large"), SMALL_FILE + 1))), SMALL_FILE + 1)
        self.assertIn("at most 6", str(self.error_of(TooLarge, self.files.read(A, 6))))
        self.error_of(TooLarge, self.files.read(parse("d/large"), SMALL_FILE))
        self.error_of(NotFound, self.files.read(B, 6))

    def test_read_most(self) -> None:
        """What is held in memory has at most `STREAM_PIECE` bytes, whatever limit the caller gives."""
        self.lay({"piece": b"x" * STREAM_PIECE, "more": b"x" * (STREAM_PIECE + 1)})
        self.assertEqual(len(self.result_of(self.files.read(parse("piece"), 2 * STREAM_PIECE))), STREAM_PIECE)
        error = self.error_of(TooLarge, self.files.read(parse("more"), 2 * STREAM_PIECE))
        self.assertIn(f"at most {STREAM_PIECE:,}", error.message)

    def test_revoked(self) -> None:
        """Once access is known to be revoked nothing is read."""
        reads: list[Callable[[], Any]] = [
            lambda: self.files.stat(A),
            lambda: self.files.stat_with_resume(A, None, None, None),
            lambda: self.files.hash(A),
            lambda: self.files.open(A),
            lambda: self.files.read(A, 10),
            lambda: collect(self.files.list(ROOT)),
            lambda: collect(self.files.versions(A)),
            self.files.space,
        ]
        for read in reads:
            self.result_of(read())
        self.login.revoked = True
        for read in reads:
            self.error_of(Forbidden, read())

    def test_list(self) -> None:
        """The entries of a directory, or of all beneath it."""
        for recursive, names in ((False, ["a", "d"]), (True, ["a", "d", "d/large"])):
            (page,) = self.result_of(collect(self.files.list(ROOT, recursive)))
            self.assertEqual([entry.name for entry in page.entries], names)
        self.error_of(NotFound, collect(self.files.list(B)))

    def test_versions(self) -> None:
        """Replaced content is a version."""
        self.lay({"a": b"newer"})
        ((version,),) = self.result_of(collect(self.files.versions(A)))
        self.assertEqual(version.size, 7)

    def test_space(self) -> None:
        """The store's answer."""
        self.assertIsNone(self.result_of(self.files.space()).free)


class ChangingTests(FilesTestCase):
    """What changes something."""

    def setUp(self) -> None:
        super().setUp()
        self.lay({"a": b"old"})
        self.lay({"a": b"content", "d/file": b"x"})

    def changes_of(self, files: Files) -> dict[str, tuple[Callable[[], Any], str]]:
        """Every method that changes something, and the kind of change that is recorded."""
        return {
            "write": (lambda: files.write(request_for("w", b"x"), b"x"), "add"),
            "make_directory": (lambda: files.make_directory(request_for("m", b"", hash=None)), "add"),
            "set_metadata": (lambda: files.set_metadata(A, mtime_us=5, mode=0o600), "metadata"),
            "copy": (lambda: files.copy(A, parse("c")), "add"),
            "restore": (lambda: files.restore(A, None), "replace"),
            "move": (lambda: files.move(A, B), "move"),
            "remove": (lambda: files.remove(D, recursive=True), "delete"),
        }

    def test_changes(self) -> None:
        """Each change is made, and recorded as made by the login's actor; the control of the next test."""
        actor = Actor("ann", "laptop", "192.0.2.1", "PUSH")
        for change, what in self.changes_of(self.factory.files(self.store, actor, self.login)).values():
            self.result_of(change())
            self.assertEqual({(each.what, each.actor) for each in self.changes}, {(what, actor)})
            self.changes.clear()
        self.assertEqual((self.content("b"), self.content("c"), self.content("w")), (b"old", b"content", b"x"))

    def test_actor(self) -> None:
        """A request that names another actor is recorded as made by the login's all the same."""
        ann = Actor("ann", None, "192.0.2.1", "PUT")
        files = self.factory.files(self.store, ann, self.login)
        large = b"x" * (SMALL_FILE + 1)

        async def edit(request: WriteRequest) -> None:
            await (await files.edit(request)).commit()

        changes: list[tuple[Callable[[WriteRequest], Any], WriteRequest]] = [
            (lambda request: files.write(request, b"x"), request_for("w", b"x")),
            (files.make_directory, request_for("m", b"", hash=None)),
            (lambda request: files.upload(request, WholePayload(large)), request_for("u", large)),
            (edit, request_for("e", b"", size=None, hash=None)),
        ]
        for change, request in changes:
            self.result_of(change(structs.replace(request, actor=Actor("bob"))))
            self.assertEqual([each.actor for each in self.changes], [ann] * len(self.changes))
            self.assertTrue(self.changes, "the control")
            self.changes.clear()

    def test_most(self) -> None:
        """`write` is for small files: a larger one is refused, and not held."""
        self.result_of(self.files.write(request_for("w", bytes(SMALL_FILE)), bytes(SMALL_FILE)))
        large = bytes(SMALL_FILE + 1)
        self.assertIn("uploaded", self.error_of(TooLarge, self.files.write(request_for("w", large), large)).message)

    def test_revoked(self) -> None:
        """Each is refused where access was revoked while its job waited: nothing changes."""
        for change, _ in self.changes_of(self.files).values():
            self.login.revoked = False
            running = self.start(change())
            self.login.revoked = True
            self.workers.work_all()
            self.failureResultOf(running, Forbidden)
        self.assertEqual(self.changes, [])

    def test_preconditions(self) -> None:
        """Preconditions reach the store."""
        wrong = hash_bytes(b"other")
        calls: Sequence[Callable[[], Any]] = (
            lambda: self.files.write(request_for("a", b"x", precondition=ABSENT), b"x"),
            lambda: self.files.set_metadata(A, mtime_us=1, mode=None, precondition=wrong),
            lambda: self.files.copy(A, B, source_precondition=wrong),
            lambda: self.files.copy(A, parse("d/file"), target_precondition=ABSENT),
            lambda: self.files.move(A, B, source_precondition=wrong),
            lambda: self.files.move(A, parse("d/file"), target_precondition=ABSENT),
            lambda: self.files.remove(A, wrong),
            lambda: self.files.restore(A, None, wrong),
        )
        for call in calls:
            self.error_of(Changed, call())
        self.assertEqual(self.changes, [])

    def test_remove(self) -> None:
        """A large directory is removed in several jobs; when access is revoked between two, the rest stays."""
        self.lay({f"d/f{number:04}": b"x" for number in range(600)})
        self.assertEqual(self.result_of(self.files.remove(A)), 1)
        removing = self.start(self.files.remove(D, recursive=True))
        self.workers.work()
        self.login.revoked = True
        self.workers.work_all()
        self.failureResultOf(removing, Forbidden)
        left = len(self.store_names())
        self.assertTrue(0 < left < 601, left)
        self.login.revoked = False
        self.assertEqual(self.result_of(self.files.remove(D, recursive=True)), left + 1)

    def store_names(self) -> list[str]:
        """The names in the directory."""
        return [entry.name for page in self.store.list(D, recursive=False) for entry in page.entries]

    def test_group_commit(self) -> None:
        """Small files of an account's logins that are in flight together are written as one."""
        logins = [self.factory.files(self.store, Actor("bob", device)) for device in ("phone", "laptop")]
        running = [files.write(request_for(f"f{number}", b"x"), b"x") for number in range(5) for files in logins]
        self.assertEqual([self.workers.work() for _ in range(3)], [1, 1, 0])
        for each in running:
            self.successResultOf(each)


class CancelledTests(FilesTestCase):
    """Cancelled work."""

    def test_hash(self) -> None:
        """`hash` ends where `cancelled` says so, and closes the file."""
        self.lay({"a": b"x" * (SMALL_FILE + 1)})
        closed: list[bool] = []
        opened = self.store.open_many

        def open_many(store: MemoryStore, endpoints: Any, inline: int) -> Any:
            (file,) = opened(endpoints, inline)
            file.entry = type(file.entry)("", "file", file.entry.size)  # type: ignore[union-attr]
            file.close = lambda: closed.append(True)  # type: ignore[union-attr,method-assign]
            return [file]

        self.patch(MemoryStore, "open_many", open_many)
        hashing: Deferred[Any] = self.start(self.files.hash(A, lambda: True))
        self.workers.work_all()
        self.failureResultOf(hashing, ConnectionLost)
        self.assertEqual(closed, [True])


class CancelTests(FilesTestCase):
    """A caller that does not wait any more for what it asked for: that is released when it comes."""

    def setUp(self) -> None:
        super().setUp()
        self.counting = CountingStore()
        self.files = self.factory.files(self.counting, login=self.login)
        self.payload = WholePayload(bytes(SMALL_FILE + 1))

    def calls(self) -> list[Callable[[], Any]]:
        """Each call that holds something of the store."""
        return [
            lambda: self.files.open(A),
            lambda: self.files.read(A, 10),
            lambda: self.files.hash(A),
            lambda: self.files.edit(request_for("a", b"", size=None, hash=None)),
            lambda: self.files.upload(request_for("a", bytes(SMALL_FILE + 1)), self.payload),
        ]

    def test_cancelled(self) -> None:
        """Cancelled while the store is at work, whatever that gives is closed or aborted."""
        for call in self.calls():
            running = self.start(call())
            running.cancel()
            self.failureResultOf(running, CancelledError)
            self.assertEqual(len(self.workers.jobs), 1)
            self.workers.work_all()
            self.assertEqual(self.counting.still_open, [])

    def test_control(self) -> None:
        """Not cancelled, each holds one thing for its caller after its first job."""
        for call in self.calls():
            self.start(call())
            self.workers.work()
            self.assertEqual(len(self.counting.still_open), 1)
            self.counting.still_open.clear()
            self.workers.work_all()
