"""Sending small files together: what the server answers about each, and answers that make no sense."""

from __future__ import annotations

from typing import Any, Callable, Sequence
from unittest import mock

from msgspec import structs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.client.connection.replies import Hello, ServerLimits
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.client.transfer.batches.push import BatchSender, DirectoryPush, Result, SmallPush, push_directories
from homeftp.client.transfer.model import FileTask, Outcome
from homeftp.config import MIB, TLS_WRITE
from homeftp.errors import ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.model import Entry
from homeftp.wire.messages import Response
from tests.support.batches import parse_entries

STORED = Response(0, body={"stored": 2, "refused": 0})
REFUSED = {"entry": 1, "status": 44, "message": "it has changed"}
DIFFERS = {"name": "f0", "kind": "file", "size": 1, "meta_data": [["mode", 0]]}


def interim(**body: Any) -> Response:
    """A response that is not the last one."""
    return Response(0, body=body, more=True)


class BatchTests(SynchronousTestCase):
    """A sender, and what it asks the server for."""

    def setUp(self) -> None:
        self.requests: list[tuple[Any, str, dict[str, Any], Any]] = []
        self.results: list[tuple[str, Entry | Response | None]] = []
        self.calls = 0
        self.failures: list[Exception] = []
        self.sender = self.make_sender(lambda *request: self.requests.append(request))

    def make_sender(self, request: Callable[..., None], **limits: int) -> BatchSender[SmallPush]:
        """A sender over a connection that does `request`."""
        client = mock.Mock()
        client.server_info = Hello(1, limits=ServerLimits(**limits))
        client.protocol.request = request
        return BatchSender(client, "base", self.sent, self.failures.append)

    def sent(self, pushes: Sequence[SmallPush], results: Sequence[Entry | Response | None]) -> None:
        """The results of the files of one request."""
        self.calls += 1
        self.results += [(push.task.name, result) for push, result in zip(pushes, results, strict=True)]

    def push(self, *data: bytes) -> None:
        """Send files with these contents."""
        with self.sender.opened():
            for number, content in enumerate(data):
                task = FileTask(f"f{number}", None, None)
                self.sender.add(SmallPush(task, Outcome.NEW, {"name": task.name, "hash": "h"}, content))

    def answer(self, *responses: Response) -> None:
        """Answer the only request."""
        [(handler, _, _, _)] = self.requests
        assert IResponseHandler.providedBy(handler)
        for response in responses:
            handler.responded(response)
        handler.finished()

    def test_request(self) -> None:
        """One request carries all files, each with its line."""
        self.push(b"content", b"")
        [(_, kind, body, payload)] = self.requests
        self.assertEqual((kind, body), ("PUSH", {"rel_endpoint": "base", "kind": "batch"}))
        expected = [({"name": "f0", "hash": "h", "content_length": 7}, b"content"), ({"name": "f1", "hash": "h"}, b"")]
        self.assertEqual(parse_entries(payload), expected)

    def test_results(self) -> None:
        """Each file has a result: stored as asked for, with another mode, or refused."""
        counts = {"stored": 2, "refused": 1}
        self.push(b"1", b"2", b"3")
        self.answer(interim(differing=[DIFFERS]), interim(refused=[REFUSED]), structs.replace(STORED, body=counts))
        expected = [("f0", Entry("", "file", 1, mode=0)), ("f1", Response(44, "it has changed")), ("f2", None)]
        self.assertEqual(self.failures, [])
        self.assertEqual((self.calls, self.results), (1, expected))

    def test_refused_as_a_whole(self) -> None:
        """Where the server understands no more of it, what it has not refused before is refused too."""
        self.push(b"1", b"2")
        refusal = Response(54, "it restarts")
        self.answer(interim(refused=[REFUSED]), refusal)
        self.assertEqual(self.results, [("f0", refusal), ("f1", Response(44, "it has changed"))])

    def test_nonsense(self) -> None:
        """An answer that contradicts the request, or itself, ends the transfer."""
        for responses in (
            [interim(refused=[{**REFUSED, "entry": 2}]), STORED],
            [interim(refused=[REFUSED, REFUSED]), STORED],
            [interim(refused=[{**REFUSED, "status": 0}]), STORED],
            [interim(refused=[{"entry": -1, "status": 44}]), STORED],
            [interim(differing=[{**DIFFERS, "name": "other"}]), STORED],
            [interim(refused=7), STORED],
            [interim(refused=[REFUSED]), STORED],
            [Response(0, body={"stored": 1, "refused": 0})],
            [Response(0)],
        ):
            self.setUp()
            self.push(b"1", b"2")
            self.answer(*responses)
            self.assertEqual([type(each) for each in self.failures], [ProtocolViolation], responses)
            self.assertEqual(self.results, [])
        self.setUp()
        self.push(b"1", b"2")
        self.answer(STORED)
        self.assertEqual((self.failures, len(self.results)), ([], 2), "the control")

    def test_limits(self) -> None:
        """A request has no more files than the server takes, and no more than four mebibytes."""
        self.sender = self.make_sender(lambda *request: self.requests.append(request), batch_entries=2)
        self.push(b"1", b"2", b"3")
        self.assertEqual([len(parse_entries(payload)) for *_, payload in self.requests], [2, 1])
        self.setUp()
        self.push(*[bytes(60_000)] * 90)
        payloads = [b"".join(self.pieces(payload)) for *_, payload in self.requests]
        self.assertEqual(sum(len(parse_entries(payload)) for payload in payloads), 90)
        self.assertLessEqual(max(map(len, payloads)), 4 * MIB)
        self.assertGreater(len(self.requests), 1, "the control")

    def pieces(self, payload: Any) -> list[bytes]:
        """The pieces of a payload that is not sent at once; together they have the size that it was announced with."""
        verifyObject(IPayload, payload)
        pieces: list[bytes] = []
        while piece := self.successResultOf(ensureDeferred(payload.read())):
            pieces.append(piece)
        self.assertEqual(sum(map(len, pieces)), payload.size)
        return pieces

    def test_pieces(self) -> None:
        """A large request is put together as it is sent, in pieces of what is written at once."""
        contents = [bytes([number]) * 50_000 for number in range(20)]
        self.push(*contents)
        [(_, _, _, payload)] = self.requests
        pieces = self.pieces(payload)
        self.assertEqual([content for _, content in parse_entries(b"".join(pieces))], contents)
        self.assertLessEqual(max(map(len, pieces)), TLS_WRITE)
        self.assertGreater(min(map(len, pieces[:-1])), TLS_WRITE - 60_000, "each is as large as it may be")

    def test_in_flight(self) -> None:
        """The next files are sent before the answer to the last ones, and each answer is about its own files."""
        self.push(b"1", b"2")
        self.push(b"3")
        [(first, *_), (second, *_)] = self.requests
        self.assertEqual(self.results, [], "nothing is answered")
        for handler, count in ((first, 2), (second, 1)):
            self.results.clear()
            handler.responded(Response(0, body={"stored": count, "refused": 0}))
            handler.finished()
            self.assertEqual(self.results, [(f"f{number}", None) for number in range(count)])

    def test_connection_ended(self) -> None:
        """A request that cannot be sent, and one that is never answered, fail the transfer."""
        reason = ConnectionFailed("it ended")
        self.push(b"1")
        self.requests[0][0].failed(reason)
        self.sender = self.make_sender(mock.Mock(side_effect=reason))
        self.push(b"1")
        self.assertEqual((self.failures, self.results), ([reason, reason], []))


class DirectoriesTests(SynchronousTestCase):
    """`push_directories`."""

    def setUp(self) -> None:
        self.requests: list[tuple[Any, str, dict[str, Any], Any]] = []
        self.client = mock.Mock()
        self.client.server_info = Hello(1, limits=ServerLimits(batch_entries=2))
        self.client.protocol.request = lambda *request: self.requests.append(request)

    def push(self, *names: str) -> Deferred[list[Result]]:
        """Make directories of these names."""
        pushes = [DirectoryPush({"name": name, "kind": "directory"}) for name in names]
        return Deferred.fromCoroutine(push_directories(self.client, "base", pushes))

    def test_results(self) -> None:
        """They go in as few requests as the server takes; each has a result."""
        pushing = self.push("a", "b", "c")
        for entries, refused in ((["a", "b"], [{**REFUSED, "name": "b"}]), (["c"], [])):
            handler, kind, body, payload = self.requests.pop(0)
            self.assertEqual((kind, body), ("PUSH", {"rel_endpoint": "base", "kind": "batch"}))
            expected = [({"name": name, "kind": "directory"}, b"") for name in entries]
            self.assertEqual(parse_entries(payload), expected)
            handler.responded(interim(refused=refused))
            handler.responded(Response(0, body={"stored": 1, "refused": len(refused)}))
            self.assertNoResult(pushing)
            handler.finished()
        self.assertEqual(self.successResultOf(pushing), [None, Response(44, "it has changed"), None])

    def test_none(self) -> None:
        """Without a directory nothing is requested."""
        self.assertEqual((self.successResultOf(self.push()), self.requests), ([], []))

    def test_shutting_down(self) -> None:
        """A server that shuts down has refused nothing for good."""
        pushing = self.push("a")
        [(handler, _, _, _)] = self.requests
        handler.responded(Response(54, "restarting"))
        handler.finished()
        self.failureResultOf(pushing, ShuttingDown)

    def test_connection_failed(self) -> None:
        """The connection may end."""
        pushing = self.push("a", "b", "c")
        for handler, _, _, _ in self.requests:
            handler.failed(ConnectionFailed("gone"))
        self.failureResultOf(pushing, ConnectionFailed)
