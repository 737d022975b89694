"""VERIFY, and what is damaged, as a client meets it."""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import Mock

from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import VerifyBody
from tests.support.flips import flip
from tests.support.inmemory import Server
from tests.support.verbs import VerbTestCase, assert_closed, content, digest

MTIME = [["mtime_us", 1_700_000_000_000_500]]


class VerifyTests(VerbTestCase):
    """`VerifyDispatcher`."""

    def make_server(self) -> Server:
        """One that answers VERIFY."""
        return Server.make(extra=[VerifyDispatcher()])

    def push(self, name: str, data: bytes, **body: Any) -> int:
        """Store a file; the status."""
        return self.ask("PUSH", {"rel_endpoint": name, "meta_data": MTIME, **body}, data).status

    def damage(self, name: str, data: bytes) -> None:
        """Have another content on the disk."""
        flip(os.path.join(self.server.root, name), data, os.path.join(self.server.folder, "index.sqlite"))

    def verify(self, name: str) -> list[dict[str, Any]]:
        """The bodies of the responses; the last is the answer's."""
        self.connection.send("VERIFY", {"rel_endpoint": name})
        responses = self.connection.responses()
        self.assertEqual([response.status for response in responses], [0] * len(responses))
        self.assertEqual([response.more for response in responses], [True] * (len(responses) - 1) + [False])
        return [response.body for response in responses]

    def test_found(self) -> None:
        """A damage is told once; the counts are those from the beginning on."""
        self.push("d/a", b"good")
        self.push("d/b", b"fine")
        self.damage("d/a", b"evil")
        *steps, end = self.verify("d")
        damage = {"name": "a", "damage": "content", "mended": False, "hash": digest(b"good")}
        self.assertEqual([damage for step in steps for damage in step.get("damaged", ())], [damage])
        self.assertEqual(end, {"files": 2, "versions": 0, "bytes": 12, "damaged_total": 1, "mended_total": 0})
        self.assertEqual(steps[-1]["bytes"], 12, "the damaged one was read twice")

    def test_reported(self) -> None:
        """A file that is damaged is answered 46 by CMP and GET; a listing has what it was, and no hash."""
        for size in (10, 100_000):
            good = content(size)
            self.push("a", good)
            self.damage("a", b"x" * size)
            self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(good)}).status, Status.SAME)
            self.verify("a")
            answer = self.ask("CMP", {"rel_endpoint": "a", "hash": digest(good), "meta_data": [["size", 1]]})
            self.assertEqual((answer.status, answer.body["differs"]), (Status.DAMAGED, ["hash", "size"]))
            remote = answer.body["remote"]
            self.assertEqual((remote["damaged"], "hash" in remote), (digest(good), False))
            self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "meta_data": MTIME}).status, Status.SAME)
            self.assertEqual(self.ask("GET", {"rel_endpoint": "a"}).status, Status.DAMAGED)
            self.connection.send("GET", {"rel_endpoint": ""})
            page, _ = self.connection.responses()
            self.assertEqual([entry["damaged"] for entry in page.body["entries"]], [digest(good)])

    def test_mended(self) -> None:
        """A PUSH of the content, on the condition of the hash that it had, mends it."""
        self.push("a", b"good")
        self.damage("a", b"evil")
        self.verify("a")
        self.assertEqual(self.push("a", b"good", if_hash=digest(b"evil")), Status.CHANGED)
        self.assertEqual(self.push("a", b"good", if_hash=digest(b"good")), Status.OK)
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(b"good")}).status, Status.SAME)
        self.assertEqual(self.verify("a")[-1]["damaged_total"], 0)

    def test_refused(self) -> None:
        """Where nothing is nothing is verified."""
        self.assertEqual(self.ask("VERIFY", {"rel_endpoint": "none"}).status, Status.NOT_FOUND)
        self.assertEqual(self.ask("VERIFY", {}).status, Status.BAD_REQUEST)

    def test_client_gone(self) -> None:
        """A step that cannot be told ends the reading."""
        step = Mock(files=1, versions=0, size=1, damages=(), skipped=())
        assert_closed(self, VerifyDispatcher(), VerifyBody(parse("a")), "verify", step)

    def test_lock(self) -> None:
        """It reads its endpoint, and no more."""
        lock = VerifyDispatcher().path_lock(VerifyBody(parse("a")))
        self.assertEqual(lock, PathLock(parse("a"), changes=False))
