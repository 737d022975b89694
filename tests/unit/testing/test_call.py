"""`homeftp.testing.call`: a dispatcher called as the server does."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.get import GetDispatcher
from homeftp.dispatchers.push import PushDispatcher
from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.testing import MemoryStore, call
from homeftp.wire.messages import NoBody


@implementer(IDispatcher, IPathLocking)
class Locking:
    """Says what it locks, or raises `error`."""

    request_type = "LOCKING"
    body_type = NoBody

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def path_lock(self, body: NoBody) -> PathLock:
        if self.error is not None:
            raise self.error
        return PathLock(ROOT, changes=False)

    def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        resolution.resolve(Status.OK, "well")


@implementer(IDispatcher)
class Waiting:
    """Waits for something that never comes; tells its account first."""

    request_type = "WAITING"
    body_type = NoBody

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        await resolution.send({"account": request.account, "cancelled": request.cancelled()})
        if request.account != "tester":
            raise ZeroDivisionError
        await Deferred()


class CallTests(SynchronousTestCase):
    """What a dispatcher's author sees."""

    def test_answer(self) -> None:
        """Status, message, body, the interim answers with their payloads, and the files afterwards."""
        answer = call(GetDispatcher(), {"rel_endpoint": "d/a"}, files={"d/a": b"content"})
        self.assertEqual((answer.status, answer.message, answer.payload, answer.raised), (0, "sent d/a", b"", None))
        ((head, content),) = answer.interim
        self.assertEqual((head["size"], content), (7, b"content"))
        self.assertEqual(answer.files, {"d/a": b"content"})

    def test_changes(self) -> None:
        """A payload reaches the dispatcher, and what it stores is among the files."""
        answer = call(PushDispatcher(), {"rel_endpoint": "b"}, b"new", files={"A": b"", "a": b"old"})
        self.assertEqual((answer.status, answer.files), (0, {"A": b"", "a": b"old", "b": b"new"}))

    def test_store(self) -> None:
        """Several requests may be made to one store, which is the author's."""
        store = MemoryStore()
        call(PushDispatcher(), {"rel_endpoint": "a"}, b"new", store=store)
        self.assertIsNotNone(store.stat(parse("a")))
        self.assertEqual(call(DeleteDispatcher(), {"rel_endpoint": "a"}, store=store).files, {})

    def test_refused(self) -> None:
        """A body that does not fit, and an endpoint that cannot be one, never reach the dispatcher."""
        self.assertEqual(call(GetDispatcher(), {}).status, Status.BAD_REQUEST)
        self.assertEqual(call(GetDispatcher(), {"rel_endpoint": "../a"}).status, Status.BAD_ENDPOINT)

    def test_bug(self) -> None:
        """The exception of a bug is shown to the author; a client gets 50."""
        answer = call(Waiting(), {}, account="ann")
        self.assertEqual(answer.interim[0][0], {"account": "ann", "cancelled": False})
        self.assertEqual(answer.status, Status.INTERNAL)
        self.assertIsInstance(answer.raised, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_bug_in_path_lock(self) -> None:
        """So is one of the method that says which paths are locked; a refusal that it raises is an answer."""
        answer = call(Locking(ZeroDivisionError()), {})
        self.assertEqual(answer.status, Status.INTERNAL)
        self.assertIsInstance(answer.raised, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        answer = call(Locking(BadRequest("no such lock")), {})
        self.assertEqual((answer.status, answer.message, answer.raised), (Status.BAD_REQUEST, "no such lock", None))
        self.assertEqual(call(Locking(None), {}).message, "well")

    def test_never_ends(self) -> None:
        """A dispatcher that waits for what does not come here fails the test, instead of hanging it."""
        self.assertIn("WAITING", str(self.assertRaises(AssertionError, call, Waiting(), {})))
