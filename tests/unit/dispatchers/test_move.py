"""MOVE and COPY as a client meets them; what a store promises is the contract of stores."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.move import CopyDispatcher, MoveDispatcher
from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import ABSENT, PathLock
from homeftp.status import Status
from homeftp.testing import call
from homeftp.wire.messages import CopyBody, MoveBody

FILES = {"a": b"content", "b": b"other"}


class MoveTests(SynchronousTestCase):
    """`MoveDispatcher`."""

    def test_moved(self) -> None:
        """The file has the other name, and the answer describes it."""
        body = {"rel_endpoint": "a", "to": "d/c", "if_hash": hash_bytes(b"content"), "if_to": ABSENT}
        answer = call(MoveDispatcher(), body, files=FILES)
        self.assertEqual((answer.status, answer.message, answer.body["size"]), (0, "moved a to d/c", 7))
        self.assertEqual(answer.files, {"d/c": b"content", "b": b"other"})

    def test_preconditions(self) -> None:
        """Neither another file than the client means is moved, nor one replaced that it does not know of."""
        for condition in ({"if_hash": hash_bytes(b"other")}, {"if_to": ABSENT}, {"if_to": hash_bytes(b"content")}):
            answer = call(MoveDispatcher(), {"rel_endpoint": "a", "to": "b", **condition}, files=FILES)
            self.assertEqual((answer.status, answer.files), (Status.CHANGED, FILES), condition)
        self.assertEqual(call(MoveDispatcher(), {"rel_endpoint": "x", "to": "b"}).status, Status.NOT_FOUND)
        for body in ({"rel_endpoint": "..", "to": "b"}, {"rel_endpoint": "a", "to": "/b"}):
            self.assertEqual(call(MoveDispatcher(), body, files=FILES).status, Status.BAD_ENDPOINT)

    def test_path_lock(self) -> None:
        """It changes the nearest directory that holds both endpoints."""
        for source, target, held in (("a", "b", ""), ("d/a", "d/b", "d"), ("d/e/a", "d/f/a", "d"), ("d", "d/e", "d")):
            lock = MoveDispatcher().path_lock(MoveBody(parse(source), parse(target)))
            self.assertEqual(lock, PathLock(parse(held), changes=True))


class CopyTests(SynchronousTestCase):
    """`CopyDispatcher`."""

    def test_copied(self) -> None:
        """The file has both names, and the answer describes it."""
        body = {"rel_endpoint": "a", "to": "d/c", "if_hash": hash_bytes(b"content"), "if_to": ABSENT}
        answer = call(CopyDispatcher(), body, files=FILES)
        self.assertEqual((answer.status, answer.message, answer.body["size"]), (0, "copied a to d/c", 7))
        self.assertEqual(answer.files, {**FILES, "d/c": b"content"})

    def test_preconditions(self) -> None:
        """Neither another file than the client means is copied, nor one replaced that it does not know of."""
        for condition in ({"if_hash": hash_bytes(b"other")}, {"if_to": ABSENT}, {"if_to": hash_bytes(b"content")}):
            answer = call(CopyDispatcher(), {"rel_endpoint": "a", "to": "b", **condition}, files=FILES)
            self.assertEqual((answer.status, answer.files), (Status.CHANGED, FILES), condition)
        self.assertEqual(call(CopyDispatcher(), {"rel_endpoint": "x", "to": "b"}).status, Status.NOT_FOUND)
        answer = call(CopyDispatcher(), {"rel_endpoint": "d", "to": "b"}, files={"d/a": b""})
        self.assertEqual(answer.status, Status.WRONG_KIND)

    def test_path_lock(self) -> None:
        """It changes the nearest directory that holds both endpoints."""
        lock = CopyDispatcher().path_lock(CopyBody(parse("d/e/a"), parse("d/f/a")))
        self.assertEqual(lock, PathLock(parse("d"), changes=True))
