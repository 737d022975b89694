"""The way to the bucket is slow, or is cut again and again: answers come in time, and what they say is true."""

from __future__ import annotations

from functools import partial

from homeftp.status import Status
from tests.support.bucketproxy import BucketProxy
from tests.support.troublecase import REQUESTS, TRY_AGAIN, Answers, Ask, TroubleCase
from tests.support.waiting import wait_until

ASKED = REQUESTS.keys() - {"look"}
"""The requests that are done where all is well."""

WRITTEN = {"write": "d/new.txt", "replace": "d/b.txt"}
"""The requests that store a content, and where."""

NEEDS_BUCKET = {"read", "write", "replace", "verify"}

BIT = 0.2
"""Seconds that an answer takes where the bucket is only slow."""

TOO_LONG = 60.0
"""Seconds that nobody waits for."""


class SlowBucketTests(TroubleCase):
    """The server reaches its bucket through a relay."""

    def on_the_way(self) -> dict[str, str]:
        """The address of the relay."""
        self.proxy = BucketProxy(self.bucket.port)
        self.addCleanup(self.proxy.close)
        return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}"}

    def asked(self) -> Answers:
        """Ask for everything at once; the answers, which come in time."""
        clients = {name: self.client() for name in ASKED}
        asks: dict[str, Ask] = {name: partial(REQUESTS[name], client) for name, client in clients.items()}
        answers = self.together(asks)
        for each in clients.values():
            each.socket.close()
        self.assert_in_time(answers)
        return answers

    def refused(self, answers: Answers) -> set[str]:
        """The requests that were refused, each with 51 or 52."""
        found = {name for name, (_, status) in answers.items() if status != Status.OK}
        self.assertEqual([answers[name] for name in found if answers[name][1] not in TRY_AGAIN], [], answers)
        return found

    def assert_true(self, answers: Answers, before: dict[str, bytes]) -> None:
        """What was acknowledged is there, and what was refused has changed nothing; all can be read."""
        wait_until(lambda: self.ask("PUSH", b"after", rel_endpoint="after") == Status.OK)
        wait_until(lambda: self.ask("GET", rel_endpoint="after") == Status.OK)
        for name, path in WRITTEN.items():
            wanted = b"content" if answers[name][1] == Status.OK else before.get(path)
            answer, content = self.one.ask("GET", {"rel_endpoint": path})
            self.assertEqual(content if answer["status"] == Status.OK else None, wanted, answers)
        answer, _ = self.one.ask("VERIFY", {"rel_endpoint": ""})
        self.assertEqual((answer["status"], answer["body"]["damaged_total"]), (Status.OK, 0), answer)

    def test_slow(self) -> None:
        """Where each answer of the bucket takes a while everything is done."""
        self.lay()
        self.proxy.seconds = BIT
        answers = self.asked()
        self.assertEqual(self.refused(answers), set())
        self.proxy.seconds = 0.0
        self.assert_true(answers, {})

    def test_too_slow(self) -> None:
        """Where they take too long all that needs the bucket is refused in time, and later works again."""
        self.lay()
        self.proxy.seconds = TOO_LONG
        answers = self.asked()
        self.proxy.seconds = 0.0
        self.assertLessEqual(NEEDS_BUCKET, self.refused(answers))
        self.assertNotIn("move", self.refused(answers), "the control: it needs no bucket")
        self.assert_true(answers, {"d/b.txt": b"second"})

    def test_cut(self) -> None:
        """Where each answer is cut off all that needs the bucket is refused in time, and later works again."""
        self.lay()
        self.proxy.cutting = True
        answers = self.asked()
        self.proxy.cutting = False
        self.assertLessEqual(NEEDS_BUCKET, self.refused(answers))
        self.assertNotIn("move", self.refused(answers), "the control: it needs no bucket")
        self.assert_true(answers, {"d/b.txt": b"second"})
