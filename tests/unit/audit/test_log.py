"""The audit log: whole lines, escaped text only, and never more than the size limit."""

from __future__ import annotations

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, HashCondition
from tests.support import replay
from tests.support.auditcase import ANN, HOSTILE, AuditCase


class AuditTests(AuditCase):
    """One log."""

    def test_change(self) -> None:
        """A record has actor, address, time, change and endpoint; unknown fields are left out."""
        change = Change("replace", "file", Endpoint(("a", "b")), ANN, None, 5, "sha256:new", 3, "sha256:old")
        self.audit().changed([change])
        self.assertEqual(
            replay.lines(self.folder),
            [
                {
                    "time": "2026-11-27T01:02:03.000004+00:00",
                    "event": "change",
                    "account": "ann",
                    "device": "laptop",
                    "address": "192.0.2.1",
                    "request": "PUSH",
                    "status": 0,
                    "change": "replace",
                    "kind": "file",
                    "endpoint": "a/b",
                    "size": 5,
                    "hash": "sha256:new",
                    "old_size": 3,
                    "old_hash": "sha256:old",
                }
            ],
        )
        self.audit().note("login", Actor("ann"), 32, user=None)
        self.assertEqual(
            set(replay.lines(self.folder)[1]), {*"time event account device address request status".split()}
        )

    def test_hash_of_a_condition(self) -> None:
        """A hash that is known from a condition is recorded as any other."""
        change = Change("replace", "file", Endpoint(("a",)), ANN, None, 5, "sha256:new", 3, HashCondition("sha256:old"))
        self.audit().changed([change])
        self.assertEqual(replay.lines(self.folder)[0]["old_hash"], "sha256:old")

    def test_escaped(self) -> None:
        """The log is printable ASCII, one line for each record, and gives back every name unchanged."""
        audit = self.audit()
        audit.changed([Change("add", "file", Endpoint((HOSTILE,)), Actor(HOSTILE, HOSTILE, HOSTILE, HOSTILE))])
        audit.note("login", Actor(HOSTILE), user=HOSTILE)
        self.assertEqual(self.content().count(b"\n"), 2)
        self.assertEqual(set(self.content()) - set(range(32, 127)), {10})
        self.assertEqual([line["account"] for line in replay.lines(self.folder)], [HOSTILE] * 2)

    def test_each_escaped(self) -> None:
        """That holds for each character by itself: lines of plain letters are encoded in another way than others."""
        audit = self.audit()
        hostile = [*map(chr, range(256)), "\u2028", "\ud800", "\N{FLEXED BICEPS}", '"\\/', ""]
        for text in hostile:
            audit.note("login", Actor(text), user=text)
        content = self.content()
        self.assertEqual([each for each in content if not 32 <= each < 127 and each != 10], [])
        self.assertEqual(
            [(line["account"], line["user"]) for line in replay.lines(self.folder)], [(e, e) for e in hostile]
        )
        self.assertEqual(content.count(b"\n"), len(hostile))

    def test_bounded(self) -> None:
        """The input of an unauthenticated client is shortened to some kilobytes."""
        self.audit().note("login", Actor(), user="x" * 100_000)
        self.assertLess(len(self.content()), 5000)

    def test_order_of_fields(self) -> None:
        """A line begins with when, what and who, for people who read it."""
        self.audit().note("login", ANN)
        self.assertTrue(
            self.content().startswith(b'{"time":"2026-11-27T01:02:03.000004+00:00","event":"login","account"')
        )
