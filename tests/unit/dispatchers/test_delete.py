"""DELETE as a client meets it; what a store promises is the contract of stores."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.testing import call
from homeftp.wire.messages import DeleteBody

FILES = {"a": b"content", "d/b": b"1", "d/e/c": b"2"}


class DeleteTests(SynchronousTestCase):
    """`DeleteDispatcher`."""

    def test_file(self) -> None:
        """A file is removed, if it is the one that the client means."""
        answer = call(DeleteDispatcher(), {"rel_endpoint": "a", "if_hash": hash_bytes(b"content")}, files=FILES)
        self.assertEqual((answer.status, answer.body, answer.message), (0, {"removed_total": 1}, "removed a"))
        self.assertNotIn("a", answer.files)
        answer = call(DeleteDispatcher(), {"rel_endpoint": "a", "if_hash": hash_bytes(b"other")}, files=FILES)
        self.assertEqual((answer.status, answer.files), (Status.CHANGED, FILES))
        self.assertEqual(call(DeleteDispatcher(), {"rel_endpoint": "x"}, files=FILES).status, Status.NOT_FOUND)

    def test_directory(self) -> None:
        """A directory that holds something is removed when the request says so; the refusal says how."""
        answer = call(DeleteDispatcher(), {"rel_endpoint": "d"}, files=FILES)
        self.assertEqual((answer.status, answer.files), (Status.WRONG_KIND, FILES))
        self.assertIn("recursive", answer.message)
        answer = call(DeleteDispatcher(), {"rel_endpoint": "d", "recursive": True}, files=FILES)
        self.assertEqual((answer.status, answer.body), (0, {"removed_total": 4}))
        self.assertEqual(answer.files, {"a": b"content"})

    def test_path_lock(self) -> None:
        """It changes its endpoint."""
        lock = DeleteDispatcher().path_lock(DeleteBody(parse("d/b")))
        self.assertEqual(lock, PathLock(parse("d/b"), changes=True))
