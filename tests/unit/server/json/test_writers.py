"""CMP with `writer`: an account is told who stored a file, where it may know that."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from homeftp.audit.file import FILE
from homeftp.hashing.filehash import hash_bytes
from homeftp.status import Status
from tests.support.access import AccessCase


class WriterTests(AccessCase):
    """Files of two accounts, one of which sees everything."""

    def setUp(self) -> None:
        super().setUp()
        self.state.add_account("eve", None)
        self.eve, self.ann = self.enter("eve"), self.enter("ann")

    def writer(self, connection: Any, path: str) -> dict[str, Any] | None:
        """What CMP tells of the file, which the server hashes: it is too new for its hash to be remembered."""
        answer = self.ask(connection, "CMP", rel_endpoint=path, writer=True, hash=hash_bytes(b""))
        self.assertFalse(Status(answer.status).refused, answer)
        found: dict[str, Any] | None = answer.body.get("writer")
        return found

    def test_own(self) -> None:
        """An account is told of itself, with the time; without `writer` nothing is told."""
        self.ask(self.ann, "PUSH", b"mine", rel_endpoint="a")
        found = self.writer(self.ann, "a")
        assert found is not None
        self.assertEqual(found, {"account": "ann", "at": mock.ANY})
        self.assertGreater(found["at"], 0)
        self.assertNotIn("writer", self.ask(self.ann, "CMP", rel_endpoint="a").body)

    def test_others(self) -> None:
        """It is told of others only if it may read all of the store."""
        self.ask(self.eve, "PUSH", b"hers", rel_endpoint="people/ann/a")
        self.ask(self.ann, "PUSH", b"mine", rel_endpoint="b")
        self.assertIsNone(self.writer(self.ann, "a"))
        self.assertEqual(self.writer(self.eve, "people/ann/b"), {"account": "ann", "at": mock.ANY})
        self.assertEqual(self.writer(self.eve, "people/ann/a"), {"account": "eve", "at": mock.ANY}, "the control")
        narrow = self.enter("eve", secret="none")
        self.assertIsNone(self.writer(narrow, "people/ann/b"))

    def test_unknown(self) -> None:
        """Nothing is told of what another program stored, of a directory, and of what is not there."""
        self.ask(self.ann, "PUSH", b"mine", rel_endpoint="a")
        self.server.put("people/ann/a", b"else")
        for path in ("a", "nothing"):
            self.assertIsNone(self.writer(self.ann, path))
        self.assertNotIn("writer", self.ask(self.ann, "CMP", rel_endpoint="notes", writer=True).body)

    def test_unreadable_log(self) -> None:
        """Where the log cannot be read, the answer comes without it, and the server's own log says why."""
        self.ask(self.ann, "PUSH", b"mine", rel_endpoint="a")
        path = os.path.join(self.server.folder, FILE)
        os.rename(path, f"{path}.kept")
        os.symlink(f"{path}.kept", path)
        self.assertIsNone(self.writer(self.ann, "a"))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
