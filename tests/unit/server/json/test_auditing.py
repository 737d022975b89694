"""The audit records of connections: each is written before the client gets its answer."""

from __future__ import annotations

import json
import os
from typing import Any, Sequence
from unittest import mock

from homeftp.accounts.loginaudit import REFUSALS
from homeftp.audit.log import Audit
from homeftp.config import SMALL_FILE
from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Change
from homeftp.status import Status
from homeftp.wire.codec import decode_response
from tests.support import replay
from tests.support.access import LARGE, AccessCase
from tests.support.inmemory import PASSWORD, Connection, Server
from tests.support.queuedworkers import QueuedWorkers


def log(server: Server) -> list[dict[str, Any]]:
    """All lines."""
    return replay.lines(server.folder)


class ChangeTests(AccessCase):
    """What members change, and what they would have."""

    def lines(self) -> list[dict[str, Any]]:
        """Those of changes and refusals."""
        return [line for line in log(self.server) if line["event"] in ("change", "refused")]

    def test_change(self) -> None:
        """A change has actor, address, request and the path from the store's root, whatever the account sees of it."""
        ann = self.enter("ann")
        self.ask(ann, "PUSH", b"new", rel_endpoint="notes/new.txt")
        (line,) = self.lines()
        who = {"account": "ann", "device": None, "address": "192.0.2.1", "request": "PUSH", "status": 0}
        what = {"change": "add", "kind": "file", "endpoint": "people/ann/notes/new.txt"}
        now = {"size": 3, "hash": hash_bytes(b"new")}
        self.assertEqual({**line, "time": ""}, {"time": "", "event": "change", **who, **what, **now})

    def test_refused(self) -> None:
        """Each request that would have changed something and was refused has a line; one that only reads has none."""
        ann = self.enter("ann", "read", extra="read")
        for kind, payload, body in (
            ("PUSH", b"123", {"rel_endpoint": "b.txt", "hash": hash_bytes(b"123")}),
            ("PUSH", LARGE, {"rel_endpoint": "large"}),
            ("DELETE", b"", {"rel_endpoint": "b.txt"}),
            ("MOVE", b"", {"rel_endpoint": "b.txt", "to": "c.txt"}),
            ("RESTORE", b"", {"rel_endpoint": "b.txt"}),
            ("SETSTAT", b"", {"rel_endpoint": "b.txt", "meta_data": [["mode", 0o600]]}),
        ):
            self.assertEqual(self.ask(ann, kind, payload, **body).status, Status.FORBIDDEN, kind)
            line = self.lines()[-1]
            self.assertEqual((line["event"], line["request"], line["status"]), ("refused", kind, 33))
            self.assertEqual((line["endpoint"], line["size"]), (f"people/ann/{body['rel_endpoint']}", len(payload)))
            self.assertEqual((line["account"], line["address"]), ("ann", "192.0.2.1"))
        self.assertEqual([line.get("to") for line in self.lines()], [None] * 3 + ["people/ann/c.txt", None, None])
        self.assertEqual(self.lines()[0]["hash"], hash_bytes(b"123"))
        for kind in ("GET", "CMP", "VERSIONS"):
            self.ask(ann, kind, rel_endpoint="nothing")
        self.assertEqual(len(self.lines()), 6)

    def test_nonsense(self) -> None:
        """A request that cannot be understood is recorded as it was sent: it may have been a change."""
        ann = self.enter("ann")
        for kind, body in (("PUSH", {"rel_endpoint": "../bob/x"}), ("NOPE", {}), ("PUSH", {"rel_endpoint": 5})):
            self.assertGreaterEqual(self.ask(ann, kind, **body).status, Status.BAD_REQUEST)
        said = [(line["request"], line["status"], line.get("endpoint")) for line in self.lines()]
        self.assertEqual(said, [("PUSH", 41, "../bob/x"), ("NOPE", 21, None), ("PUSH", 20, None)])

    def test_behind_a_login(self) -> None:
        """So is what came right behind the login."""
        connection = Connection(self.server, login=False)
        lines = [{"request_type": "LOGIN", "body": {"username": "ann", "password": PASSWORD}}]
        lines += [{"request_type": "PUSH", "body": {"rel_endpoint": name}} for name in ("a", "../b")]
        connection.send_raw(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self.assertEqual([response.status for response in connection.responses()], [0, 0, 41])
        said = [(line["event"], line["status"]) for line in log(self.server)]
        self.assertEqual(said, [("login", 0), ("change", 0), ("refused", 41)])

    def test_unauthenticated(self) -> None:
        """A client that has not logged in changes nothing and leaves no record: it could fill the log."""
        connection = Connection(self.server, login=False)
        self.assertEqual(connection.ask("PUSH", {"rel_endpoint": "a"}).status, Status.LOGIN_REQUIRED)
        self.assertEqual(log(self.server), [])

    def test_home(self) -> None:
        """The home that a login makes is the account's doing."""
        self.state.add_account("eve", None)
        self.accesses.set_home("eve", parse("people/eve"))
        self.enter("eve")
        (line,) = self.lines()
        self.assertEqual((line["account"], line["change"], line["endpoint"]), ("eve", "add", "people/eve"))

    def test_large(self) -> None:
        """A large upload is recorded with its account, too."""
        ann = self.enter("ann")
        self.assertGreater(len(LARGE), SMALL_FILE)
        self.ask(ann, "PUSH", LARGE, rel_endpoint="b.txt", if_hash=hash_bytes(b"ann's too"))
        (line,) = self.lines()
        self.assertEqual(
            (line["account"], line["change"], line["old_hash"]), ("ann", "replace", hash_bytes(b"ann's too"))
        )

    def test_too_many(self) -> None:
        """Endless refusals are left out after a while, which is recorded once; changes never are."""
        ann = self.enter("ann")
        for number in range(REFUSALS + 20):
            self.ask(ann, "PUSH", b"x", rel_endpoint=f"../{number}" + "\N{PILE OF POO}" * 4000)
        self.ask(ann, "PUSH", b"x", rel_endpoint="new")
        events = [line["event"] for line in log(self.server)]
        self.assertEqual(events, ["refused"] * REFUSALS + ["unrecorded", "change"])
        self.ask(self.enter("bob"), "PUSH", b"x", rel_endpoint="../x")
        self.server.clock.advance(601)
        self.ask(ann, "PUSH", b"x", rel_endpoint="../x")
        last = [(line["event"], line["account"]) for line in log(self.server)[-2:]]
        self.assertEqual(last, [("refused", "bob"), ("refused", "ann")])
        with open(os.path.join(self.server.folder, "audit.jsonl"), encoding="ascii") as file:
            self.assertLess(max(map(len, file)), 8000)

    def test_written_first(self) -> None:
        """A record is written before the answer is sent."""
        heard: list[bytes] = []
        ann = self.enter("ann", "read,add", extra="read")
        writing = Audit.append

        def write(audit: Audit, lines: list[bytes]) -> None:
            heard.append(ann.transport.value())
            writing(audit, lines)

        with mock.patch.object(Audit, "append", write):
            ann.send("PUSH", {"rel_endpoint": "new"}, b"new")
            ann.send("PUSH", {"rel_endpoint": "b.txt"}, b"new")
            ann.send("PUSH", {"rel_endpoint": "large"}, LARGE)
            ann.send("PUSH", {"rel_endpoint": "../x"}, b"new")
        statuses = [[decode_response(line).status for line in each.splitlines()] for each in heard]
        self.assertEqual(statuses, [[], [0], [0, 33], [0, 33, 0]])
        self.assertEqual([response.status for response in ann.responses()], [0, 33, 0, 41])

    def test_unwritable(self) -> None:
        """A change and a login fail when the audit log fails; a refusal stays a refusal."""
        ann = self.enter("ann")
        failing = mock.patch.object(Audit, "append", side_effect=OSError(28, "No space left on device"))
        with failing:
            answer = self.ask(ann, "PUSH", b"new", rel_endpoint="new")
            self.assertEqual(answer.status, Status.INTERNAL)
            self.assertIn("audit log cannot be written (No space left on device)", answer.message)
            self.assertEqual(self.ask(ann, "PUSH", b"", rel_endpoint="../x").status, Status.BAD_ENDPOINT)
            unauthenticated = Connection(self.server, login=False)
            for password, status in (("wrong", Status.INTERNAL), (PASSWORD, Status.INTERNAL)):
                answer = unauthenticated.ask("LOGIN", {"username": "ann", "password": password})
                self.assertEqual(answer.status, status)
            self.assertIsNone(unauthenticated.protocol.session.login)
        self.flushLoggedErrors(OSError)
        self.assertEqual(self.ask(ann, "PUSH", b"newer", rel_endpoint="new").status, Status.OK)
        self.assertEqual([line["size"] for line in self.lines()], [3, 5])


class GroupTests(AccessCase):
    """Small files of several clients that are stored together."""

    def test_each(self) -> None:
        """Each is put down to who sent it."""
        workers = QueuedWorkers()
        server = Server.make(workers=workers)
        self.addCleanup(server.close)
        groups: list[int] = []
        recording = server.audit.changed

        def record(changes: Sequence[Change]) -> None:
            groups.append(len(changes))
            recording(changes)

        server.store._changelog._record = record
        connections = []
        for number in range(4):
            connections.append(Connection(server, login=False))
            connections[-1].protocol.session.authenticator._address = f"192.0.2.{number}"
            connections[-1].send("LOGIN", {"username": "ann", "password": PASSWORD})
        self.work(workers)
        for number, connection in enumerate(connections):
            connection.send("PUSH", {"rel_endpoint": f"f{number}"}, b"x")
        self.work(workers)
        self.assertEqual(groups, [1, 3], "the control: they were stored together")
        said = [(line["address"], line["endpoint"]) for line in log(server) if line["event"] == "change"]
        self.assertEqual(said, [(f"192.0.2.{number}", f"f{number}") for number in range(4)])

    def work(self, workers: QueuedWorkers) -> None:
        while workers.work():
            pass
