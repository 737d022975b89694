"""Hashes of large files, and changes on the condition of their content, with a store on the disk."""

from __future__ import annotations

import os
from typing import Any, Awaitable, Callable, TypeVar, cast

from twisted.internet.defer import Deferred, ensureDeferred, fail
from twisted.internet.error import ConnectionLost

from homeftp.config import SLICE, SMALL_FILE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, Changed, Forbidden
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.files import Files
from homeftp.files.jobs.share import HASHED_AT_ONCE
from homeftp.model import Actor
from homeftp.server.json.payload import WholePayload
from homeftp.workers.pool import described
from tests.support.descriptors import count_descriptors
from tests.support.filestores import request_for
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess
from tests.support.stores import LONG_AGO, StoreCase, sha

T = TypeVar("T")


class FileHasherTests(StoreCase):
    """Preconditions and hashes of a large file, with a store on the disk."""

    def setUp(self) -> None:
        super().setUp()
        self.large = b"x" * (SLICE + 1)
        self.lay("a", self.large)
        self.workers = QueuedWorkers()
        self.factory = FilesFactory(self.workers, MemoryBudget())
        self.local = self.store()
        self.files = self.of("ann")

    def of(self, account: str) -> Files:
        """The files of an account."""
        return self.factory.files(self.local, Actor(account))

    def result_of(self, work: Awaitable[T]) -> T:
        """The result, after all jobs that it needs."""
        return self.successResultOf(self.start(work, all=True))

    def start(self, work: Awaitable[T], *, all: bool = False) -> Deferred[T]:
        """Begin something; with `all` all jobs that it needs are done."""
        started = ensureDeferred(cast(Any, work)) if not isinstance(work, Deferred) else work
        if all:
            self.workers.work_all()
        return started

    def hashed(self) -> int:
        """How many jobs that wait hash a file, after which they are done."""
        found = sum("hash_steps" in described(job.call, job.args) for job in self.workers.jobs)
        self.workers.work()
        return found

    def slices(self) -> int:
        """How many slices are hashed until nothing is to be done any more."""
        count = 0
        while self.workers.jobs:
            count += self.hashed()
        return count

    def test_conditions(self) -> None:
        """Every change on the condition of a large file hashes it in slices first, and is made where that holds."""
        right, wrong = sha(self.large), sha(b"other")
        a, b = parse("a"), parse("b")
        content = b"y" * (SMALL_FILE + 1)
        acts: list[Callable[[str], Awaitable[object]]] = [
            lambda c: self.files.write(request_for("a", b"new", precondition=c), b"new"),
            lambda c: self.files.upload(request_for("a", content, precondition=c), WholePayload(content)),
            lambda c: self.files.set_metadata(a, mtime_us=1, mode=None, precondition=c),
            lambda c: self.files.copy(a, b, source_precondition=c),
            lambda c: self.files.copy(b, a, target_precondition=c),
            lambda c: self.files.move(a, b, source_precondition=c),
            lambda c: self.files.move(b, a, target_precondition=c),
            lambda c: self.files.restore(a, None, c),
            lambda c: self.files.remove(a, c),
        ]
        for number, act in enumerate(acts):
            for condition in (wrong, right):
                self.lay("a", self.large, mtime_us=LONG_AGO + 2 * number + (condition == right))
                self.lay("b", b"b")
                changing = self.start(act(condition))
                self.assertGreater(self.slices(), 1, number)
                if condition == right:
                    self.successResultOf(changing)
                else:
                    self.failureResultOf(changing, Changed)
                    self.assertEqual(self.content("a"), self.large)

    def test_changes_meanwhile(self) -> None:
        """A large file that changes after it was hashed is hashed again; one that keeps changing is refused."""
        for keeps in (False, True):
            self.lay("a", self.large)
            removing = self.start(self.files.remove(parse("a"), sha(self.large)))
            changes = 0
            while self.workers.jobs:
                if self.hashed() and (keeps or not changes):
                    changes += 1
                    os.utime(self.path("a"), (1_500_000_000 + changes,) * 2)
            if keeps:
                self.failureResultOf(removing, Changed)
                self.assertTrue(os.path.exists(self.path("a")))
            else:
                self.assertIn(self.failureResultOf(removing).type, (Changed,))

    def test_shared(self) -> None:
        """Many requests of several accounts, for the hash or on its condition, hash a file once."""
        hashing: list[Deferred[Any]] = [self.start(self.of(name).hash(parse("a"))) for name in ("ann", "bob") * 32]
        hashing.append(self.start(self.of("eve").remove(parse("a"), sha(b"other"))))
        self.assertEqual(self.slices(), 2)
        for each in hashing[:-1]:
            self.assertEqual(self.successResultOf(each).hash, sha(self.large))
        self.failureResultOf(hashing[-1], Changed)

    def test_few_descriptors(self) -> None:
        """However many large files one account has hashed at once, few are open."""
        for number in range(4 * HASHED_AT_ONCE):
            os.link(self.path("a"), self.path(f"a{number}"))
            self.lay(f"b{number}", b"x" * (SMALL_FILE + 1), mtime_us=LONG_AGO + number)
        before = count_descriptors()
        hashing = [
            self.start(self.files.hash(parse(f"{kind}{number}")))
            for kind in "ab"
            for number in range(4 * HASHED_AT_ONCE)
        ]
        most = 0
        while self.workers.jobs:
            most = max(most, count_descriptors() - before)
            self.workers.work()
        self.assertLessEqual(most, 2 * HASHED_AT_ONCE)
        self.assertGreater(most, 1, "the control")
        self.assertEqual({self.successResultOf(each).kind for each in hashing}, {"file"})

    def test_login_ends(self) -> None:
        """Where the login ends while a file is hashed for a change, the hashing ends and nothing is changed."""
        large = b"x" * (3 * SLICE)
        for ends in (False, True):
            self.lay("a", large, mtime_us=LONG_AGO + ends)
            login = RevocableAccess()
            files = self.factory.files(self.local, Actor("ann"), login)
            removing = self.start(files.remove(parse("a"), sha(large)))
            while not self.hashed():
                pass
            login.closed = ends
            slices = self.slices()
            if ends:
                self.failureResultOf(removing, ConnectionLost)
                self.assertTrue(os.path.exists(self.path("a")))
            else:
                self.assertEqual(self.successResultOf(removing), 1)
            self.assertEqual(slices, 1 if ends else 2)

    def test_removed(self) -> None:
        """A login whose account is removed while a file is hashed is not told the hash, alone or with others."""
        for sharing in (False, True):
            for removed in (False, True):
                self.lay("a", self.large, mtime_us=LONG_AGO + 2 * sharing + removed)
                login = RevocableAccess()
                other = self.start(self.of("bob").hash(parse("a"))) if sharing else None
                hashing = self.start(self.factory.files(self.local, Actor("ann"), login).hash(parse("a")))
                while not self.hashed():
                    pass
                login.in_database = not removed
                self.workers.work_all()
                if removed:
                    self.failureResultOf(hashing, Forbidden)
                else:
                    self.assertEqual(self.successResultOf(hashing).hash, sha(self.large), "the control")
                if other is not None:
                    self.assertEqual(self.successResultOf(other).hash, sha(self.large))

    def test_begun_is_not_refused(self) -> None:
        """Where the account's queue is full a first step is refused, and nothing that was begun."""

        class Full(QueuedWorkers):
            full = False

            def admit(self) -> None:
                if self.full:
                    raise Busy("full")

            def run(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
                return fail(Busy("full")) if self.full else super().run(job, *args)

        full = self.workers = Full()
        files = FilesFactory(full, MemoryBudget()).files(self.local)
        for number in range(3):
            self.lay(f"d/{number}")
        stream = self.result_of(files.open(parse("a")))
        pages = files.list(ROOT, recursive=True)
        self.result_of(pages.__anext__())
        content = b"y" * (SMALL_FILE + 1)
        begun: list[Callable[[], Awaitable[object]]] = [
            lambda: files.remove(parse("d"), recursive=True),
            lambda: files.hash(parse("a")),
            lambda: files.upload(request_for("new", content), WholePayload(content)),
        ]
        running = [self.start(each()) for each in begun]
        full.full = True
        full.work_all()
        for each in running:
            self.successResultOf(each)
        payload = stream.payload(0, len(self.large))
        assert not isinstance(payload, bytes)
        self.assertEqual(len(self.result_of(payload.read_all(len(self.large)))), len(self.large))
        self.assertEqual(self.result_of(stream.close_verified()).hash, sha(self.large))
        for first in (begun[0], begun[2], lambda: files.list(ROOT).__anext__()):
            self.failureResultOf(self.start(first(), all=True), Busy)
