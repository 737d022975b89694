"""The pipeline: answers in order, work that overlaps only where it may."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import KIB, SMALL_FILE, TLS_WRITE, Limits
from homeftp.endpoint import MAX_PARTS, Endpoint, parse
from homeftp.model import PathLock
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.requestmemory import RequestMemory, Weight
from homeftp.server.gate.stuckrequests import StuckRequestLog
from homeftp.server.gate.traffic import Traffic
from homeftp.server.json.exchange import ANSWER_BYTES, REQUEST_BYTES, Exchange
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.pipeline import PathLocks, Pipeline
from homeftp.server.json.resolution import Resolution
from homeftp.server.json.router import Route
from homeftp.wire.codec import decode_response
from tests.support.repeatable import REPEATABLE


def reads(endpoint: str) -> PathLock:
    return PathLock(parse(endpoint), changes=False)


def changes(endpoint: str) -> PathLock:
    return PathLock(parse(endpoint), changes=True)


class PathLocksTests(SynchronousTestCase):
    """Which locks conflict."""

    def test_table(self) -> None:
        """Two locks conflict when one changes and neither lies beside the other."""
        cases = [
            (reads("a"), reads("a"), False),
            (reads("a"), changes("a"), True),
            (changes("a"), reads("a"), True),
            (changes("a"), changes("a"), True),
            (changes("a"), changes("b"), False),
            (changes("a/b"), changes("a/c"), False),
            (changes("a"), changes("a/b/c"), True),
            (changes("a/b/c"), reads("a"), True),
            (changes("a/b/c"), reads(""), True),
            (changes(""), reads("z"), True),
            (reads(""), reads("z"), False),
            (reads(""), changes("z"), True),
            (changes("ab"), changes("a"), False),
            (PathLock(parse("a"), changes=False, alone=True), reads("b"), True),
            (reads("b"), PathLock(parse("a"), changes=False, alone=True), True),
        ]
        for held, wanted, conflict in cases:
            locks = PathLocks()
            locks.hold(held)
            self.assertEqual(locks.conflict(wanted), conflict, (held, wanted))
            locks.release(held)
            self.assertFalse(locks.conflict(wanted), "a released lock blocks nothing")

    def test_counts(self) -> None:
        """A lock that is held twice is free only after both are released."""
        locks = PathLocks()
        locks.hold(reads("a/b"))
        locks.hold(reads("a/b"))
        locks.release(reads("a/b"))
        self.assertTrue(locks.conflict(changes("a")))
        locks.release(reads("a/b"))
        self.assertFalse(locks.conflict(changes("a")))

    @settings(REPEATABLE)
    @given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from("ab"), max_size=3)), min_size=1, max_size=12))
    def test_many(self, wanted: list[tuple[bool, list[str]]]) -> None:
        """Among many locks a conflict is found as among two, and every lock can be released."""
        (changing, parts), *others = wanted
        lock = PathLock(Endpoint(tuple(parts)), changing)
        held = [PathLock(Endpoint(tuple(parts)), changing) for changing, parts in others]
        locks = PathLocks()
        for each in held:
            locks.hold(each)
        while held:
            expected = any(
                (lock.changes or each.changes)
                and all(one == other for one, other in zip(lock.endpoint.parts, each.endpoint.parts, strict=False))
                for each in held
            )
            self.assertEqual(locks.conflict(lock), expected)
            locks.release(held.pop())
        self.assertFalse(locks.conflict(lock))

    def test_deep(self) -> None:
        """A lock costs no memory for each part of its endpoint, besides the endpoint itself."""
        lock, locks = changes("/".join(map(str, range(MAX_PARTS)))), PathLocks()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        locks.hold(lock)
        held, _ = tracemalloc.get_traced_memory()
        self.assertLess(held, 1 * KIB)


class Written:
    """A transport that is never full by itself."""

    def __init__(self, written: list[bytes]) -> None:
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)

    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


LINE = 10
"""Bytes of a request's line."""


class PipelineTests(SynchronousTestCase):
    """Order and overlap."""

    def setUp(self) -> None:
        self.written: list[bytes] = []
        self.failures: list[Failure] = []
        self.output = OutputBuffer(
            Written(self.written),
            paused=lambda: None,
            resumed=lambda: self.pipeline.flush(),
            failed=self.failures.append,
        )
        self.memory = RequestMemory(Limits())
        self.share = self.memory.connection_memory()
        self.pipeline = Pipeline(self.share, can_write=lambda: not self.output.paused, flushed=lambda: None)
        self.stuck = StuckRequestLog(Clock(), 60, "somebody")
        self.traffic = Traffic(Clock().seconds).of("json", ["PUSH"])
        self.begun: list[str] = []
        self.work: dict[str, tuple[Deferred[None], Resolution]] = {}

    def add(self, name: str, lock: PathLock) -> None:
        resolution = Resolution(name, self.output, self.pipeline.flush)
        working: Deferred[None] = Deferred()
        self.work[name] = (working, resolution)

        def begin() -> Deferred[None]:
            self.begun.append(name)
            return working

        self.pipeline.add(self.exchange(lock, resolution, begin, LINE))

    def exchange(
        self, lock: PathLock, resolution: Resolution, begin: Callable[[], Deferred[None]], line: int = 0
    ) -> Exchange:
        route = Route(lock, lambda payload, resolution: begin())
        return Exchange("PUSH", route, WholePayload(), resolution, self.stuck, self.traffic, line)

    def end(self, name: str) -> None:
        working, resolution = self.work[name]
        resolution.resolve(0, name)
        working.callback(None)

    def answered(self) -> list[object]:
        return [decode_response(line).id for line in self.written]

    def test_answers_in_order(self) -> None:
        """A request that ends early waits for those before it."""
        for name in "abc":
            self.add(name, changes(name))
        self.assertEqual(self.begun, ["a", "b", "c"])
        self.end("c")
        self.end("b")
        self.assertEqual(self.answered(), [])
        self.end("a")
        self.assertEqual(self.answered(), ["a", "b", "c"])
        self.assertEqual(len(self.pipeline), 0)
        self.assertEqual(self.share.weight, Weight())

    def test_conflicting_work_waits(self) -> None:
        """A read behind a change of the same endpoint begins when the change has ended."""
        self.add("push", changes("x"))
        self.add("get", reads("x"))
        self.assertEqual(self.begun, ["push"])
        self.end("push")
        self.assertEqual(self.begun, ["push", "get"])

    def test_long_row(self) -> None:
        """A long row of requests that each hold up the next, and end as they begin, is no deep recursion."""
        self.add("first", changes(""))
        resolutions = [Resolution(number, self.output, self.pipeline.flush) for number in range(3000)]

        def begin(resolution: Resolution) -> Deferred[None]:
            resolution.resolve(0, "")
            return succeed(None)

        for resolution in resolutions:
            self.pipeline.add(self.exchange(changes(""), resolution, partial(begin, resolution)))
        self.end("first")
        self.assertEqual(self.answered(), ["first", *range(3000)])

    def test_nothing_overtakes(self) -> None:
        """A request behind a waiting one waits too, even though its own path is free."""
        self.add("push", changes("x"))
        self.add("get", reads("x"))
        self.add("other", changes("y"))
        self.assertEqual(self.begun, ["push"])
        self.end("push")
        self.assertEqual(self.begun, ["push", "get", "other"])

    def test_slow_client(self) -> None:
        """While the client does not read, answers stay; then they go on in order."""
        self.output.pauseProducing()
        self.add("a", reads("a"))
        self.add("b", reads("b"))
        self.end("a")
        self.end("b")
        self.assertEqual(self.answered(), [])
        self.assertEqual(len(self.pipeline), 2)
        self.output.resumeProducing()
        self.assertEqual(self.answered(), ["a", "b"])

    def test_interim_answers_wait_for_their_turn(self) -> None:
        """A listing behind another request sends nothing before that is answered."""
        self.add("a", reads("a"))
        self.add("b", reads("b"))
        sending = Deferred.fromCoroutine(self.work["b"][1].send({"page": 1}))
        self.assertNoResult(sending)
        self.end("a")
        self.successResultOf(sending)
        self.assertEqual(self.answered(), ["a", "b"])
        self.assertTrue(decode_response(self.written[1]).more)

    def test_lost_client(self) -> None:
        """When the client disconnects, no request begins any more and waiting ones are cancelled."""
        self.add("a", changes("a"))
        self.add("b", reads("a"))
        self.add("c", reads("a"))
        sending = Deferred.fromCoroutine(self.work["b"][1].send({}))
        self.output.stopProducing()
        self.pipeline.disconnect()
        self.failureResultOf(sending, ConnectionLost)
        self.end("a")
        self.assertEqual(self.begun, ["a"])
        self.assertEqual(self.answered(), [])

    def test_memory(self) -> None:
        """A request counts with its line, then with the answer it may have, then with its answer, until it is sent."""
        self.output.pauseProducing()
        self.add("push", changes("x"))
        self.add("get", reads("x"))
        self.assertEqual(self.share.weight, Weight(held=2 * (REQUEST_BYTES + LINE)))
        self.end("push")
        answer = self.share.weight.held - REQUEST_BYTES - LINE - ANSWER_BYTES
        self.assertEqual(self.share.weight.expected, SMALL_FILE)
        self.assertTrue(0 < answer < 100, answer)
        self.end("get")
        self.assertLess(self.share.weight.held, 2 * (ANSWER_BYTES + 100))
        self.assertEqual(self.share.weight.expected, 0)
        self.output.resumeProducing()
        self.assertEqual(self.share.weight, Weight())

    def test_memory_after_the_end(self) -> None:
        """What a client has left behind counts until it has ended, and no longer."""
        self.add("a", changes("a"))
        self.add("c", changes("c"))
        self.add("b", reads("a"))
        self.pipeline.disconnect()
        self.assertEqual(self.share.weight, Weight(held=2 * (REQUEST_BYTES + LINE)))
        for name in "ac":
            self.work[name][0].callback(None)
        self.assertEqual(self.share.weight, Weight())

    def test_memory_of_answers(self) -> None:
        """Requests that read begin while there is memory for their answers, the first in any case; changes go on."""
        other = self.memory.connection_memory()
        other.change(Weight(), Weight(held=self.memory.most(None) - 3 * SMALL_FILE))
        for name in "abcd":
            self.add(name, reads(name))
        self.assertEqual(self.begun, ["a"])
        self.end("a")
        self.assertEqual(self.begun, ["a", "b"], "when one is answered the next is the first")
        other.change(other.weight, Weight())
        self.end("b")
        self.assertEqual(self.begun, ["a", "b", "c", "d"])

    def test_resolving_twice_is_a_bug(self) -> None:
        """One request has one answer."""
        self.add("a", reads("a"))
        resolution = self.work["a"][1]
        resolution.resolve(0, "first")
        self.assertRaises(RuntimeError, resolution.resolve, 0, "second")
        self.failureResultOf(Deferred.fromCoroutine(resolution.send({})), RuntimeError)

    def test_broken_payload(self) -> None:
        """A payload that ends early, or is longer than it said, ends the connection, in an answer or before it."""
        for size, interim in ((5, False), (50, False), (5, True), (50, True)):
            self.setUp()
            self.add("a", reads("a"))
            resolution = self.work["a"][1]
            payload = WholePayload(b"0123456789")
            payload.size = size
            if interim:
                sending = Deferred.fromCoroutine(resolution.send({}, payload=payload))
                self.failureResultOf(sending, ConnectionLost)
            else:
                resolution.resolve(0, "a", None, payload)
            self.assertEqual(len(self.failures), 1, (size, interim))
            self.assertTrue(self.output.lost)

    def test_large_answer_streams(self) -> None:
        """A payload goes out in pieces at the client's pace, and the next answer only after it."""
        self.add("a", reads("a"))
        self.add("b", reads("b"))
        content = bytes(300_000)
        self.output.pauseProducing()
        working, resolution = self.work["a"]
        resolution.resolve(0, "a", None, content)
        working.callback(None)
        self.end("b")
        self.assertEqual(self.written, [])
        self.output.resumeProducing()
        sent = b"".join(self.written)
        head, _, rest = sent.partition(b"\n")
        self.assertEqual(decode_response(head).content_length, len(content))
        self.assertEqual(rest[: len(content)], content)
        self.assertEqual(decode_response(rest[len(content) :].rstrip(b"\n")).id, "b")
        self.assertLessEqual(max(map(len, self.written)), TLS_WRITE)
