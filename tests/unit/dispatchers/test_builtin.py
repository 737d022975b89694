"""All dispatchers that every server has."""

from __future__ import annotations

import json
from typing import Any

from msgspec import structs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.dispatchers.table import DispatchedRequest, Table
from homeftp.endpoint import parse
from homeftp.errors import ShuttingDown
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IDispatcher, IPathLocking, IResolution
from homeftp.model import WriteRequest
from homeftp.server.json.payload import WholePayload
from homeftp.status import Status
from homeftp.store.memory import MemoryStore
from homeftp.wire.codec import decode_request
from homeftp.workers import InlineWorkers
from tests.support.sharelinks import ENDED, FakeShareLinks
from tests.support.verbs import VerbTestCase, digest


@implementer(IResolution)
class Answer:
    """Keeps what a dispatcher answers."""

    resolved = False
    status = -1

    def turn(self) -> Deferred[None]:
        return succeed(None)

    def send(self, body: dict[str, Any], message: str = "", payload: Any = None) -> Deferred[None]:
        sent: Deferred[None] = Deferred()
        sent.callback(None)
        return sent

    def wait_idle(self, event: Any) -> Deferred[Any]:
        event.close()
        return fail(ShuttingDown("nothing will happen"))

    def resolve(self, status: int, message: str, body: Any = None, payload: Any = None) -> None:
        self.resolved, self.status = True, status


REQUESTS: dict[str, dict[str, Any]] = {
    "GET": {},
    "CMP": {"hash": hash_bytes(b"new")},
    "PUSH": {"hash": hash_bytes(b"")},
    "SETSTAT": {"meta_data": [["mode", 0o600]]},
    "DELETE": {},
    "MOVE": {"to": "some/other folder/ñ"},
    "COPY": {"to": "some/other folder/ñ"},
    "VERSIONS": {},
    "RESTORE": {},
    "PRUNE": {},
    "VERIFY": {},
    "WATCH": {},
    "LINK": {},
    "LINKS": {},
    "UNLINK": {"link": "link-1"},
}
"""Bodies, without the endpoint."""


def decoded_endpoint(body: object) -> object:
    """The endpoint that a body has; None for a request that has none."""
    return getattr(body, "rel_endpoint", None)


class BuiltInTests(SynchronousTestCase):
    """Each of them."""

    def test_interfaces(self) -> None:
        """Each provides the interfaces, under its own name."""
        for name, make in BUILT_IN.items():
            dispatcher = make()
            verifyObject(IDispatcher, dispatcher)
            verifyObject(IPathLocking, dispatcher)
            self.assertEqual(dispatcher.request_type, name)

    def test_parsed_once(self) -> None:
        """Each endpoint of a request is parsed once, from its arrival to its answer."""
        name = "some/folder/ñ"
        table = Table([make() for make in BUILT_IN.values()])
        self.assertEqual(set(REQUESTS), set(BUILT_IN))
        for request_type, body in REQUESTS.items():
            store = MemoryStore()
            for content in (b"old", b"new"):
                store.write_many([(WriteRequest(endpoint=parse(name), size=3), content)])
            workers = InlineWorkers()
            files = FilesFactory(workers, MemoryBudget()).files(store)
            line = json.dumps({"request_type": request_type, "body": {"rel_endpoint": name, **body}}).encode()
            answer = Answer()
            before = parse.cache_info()
            dispatcher, decoded, _ = table.decode(decode_request(line))
            links = FakeShareLinks([structs.replace(ENDED[0], id="link-1")])
            request = DispatchedRequest(request_type, decoded, WholePayload(b""), "ann", files, workers, links=links)
            self.successResultOf(table.dispatch(dispatcher, request, answer))
            after = parse.cache_info()
            self.assertIn(answer.status, (Status.OK, Status.SAME, Status.SHUTTING_DOWN), request_type)
            calls = after.hits + after.misses - before.hits - before.misses
            expected = 0 if decoded_endpoint(decoded) is None else 2 if "to" in body else 1
            self.assertEqual(calls, expected, request_type)


class FiletypeTests(VerbTestCase):
    """--filetypes .txt, which is the rule of the first plan."""

    filetypes = (".txt",)

    def test_allowed(self) -> None:
        """Text files go both ways, whatever the case of their suffix."""
        for name in ("a.txt", "b.TXT"):
            self.assertEqual(self.ask("PUSH", {"rel_endpoint": name}, b"x").status, 0)
            self.assertEqual(self.ask("CMP", {"rel_endpoint": name, "hash": digest(b"x")}).status, Status.SAME)

    def test_refused(self) -> None:
        """Anything else gets 42, with what is allowed, there or not."""
        self.server.put("a.jpg", b"x")
        self.server.put("txt", b"x")
        for name in ("a.jpg", "b.jpg", "txt", "a.txt.jpg"):
            for request_type in ("GET", "CMP", "PUSH"):
                answer = self.ask(request_type, {"rel_endpoint": name})
                self.assertEqual(answer.status, Status.FILETYPE_NOT_ALLOWED, (request_type, name))
                self.assertIn(".txt", answer.message)

    def test_directories(self) -> None:
        """A directory, there or not, is no file of a wrong type."""
        self.server.put("d/a.jpg", b"x")
        self.connection.send("GET", {"rel_endpoint": "d"})
        page, end = self.connection.responses()
        self.assertEqual((page.body["entries"], end.status), ([], 0))
        self.assertEqual(page.body["skipped"][0][0], "a.jpg")
        self.assertEqual(self.ask("GET", {"rel_endpoint": "absent"}).status, Status.NOT_FOUND)
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "absent"}).status, Status.ABSENT)
