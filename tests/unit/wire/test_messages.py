"""The messages as classes: bounds of their parameters, and the domain values that they stand for."""

from __future__ import annotations

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest, NotFound
from homeftp.model import MAX_SIZE, Damage, Entry
from homeftp.status import Status
from homeftp.wire import messages
from homeftp.wire.codec import convert, decode_body
from homeftp.wire.history import RestoreBody

HASH = "sha256:" + "a" * 64


class BoundTests(SynchronousTestCase):
    """What is outside the bounds is refused; what is at them is not."""

    def fits(self, body_type: type, body: dict[str, object]) -> bool:
        try:
            decode_body("X", msgspec.Raw(msgspec.json.encode(body)), body_type)
        except BadRequest:
            return False
        return True

    def test_parameters(self) -> None:
        """Each bound, from both sides."""
        cases: list[tuple[type, dict[str, object], str, list[object], list[object]]] = [
            (
                messages.GetBody,
                {"rel_endpoint": "a"},
                "offset",
                [0, MAX_SIZE],
                [-1, MAX_SIZE + 1, 1.0],
            ),
            (messages.GetBody, {"rel_endpoint": "a"}, "if_hash", [HASH, None], ["absent", HASH + "a", HASH.upper()]),
            (messages.PushBody, {"rel_endpoint": "a"}, "if_hash", [HASH, "absent", None], ["present", "", HASH[:-1]]),
            (messages.PushBody, {"rel_endpoint": "a"}, "kind", ["file", "directory"], ["link", None]),
            (messages.PushBody, {"rel_endpoint": "a"}, "meta_data", [[], [["size", 1]]], [[["x", 1]], [["mode", "1"]]]),
            (messages.SetstatBody, {"rel_endpoint": "a"}, "if_hash", [HASH, None], ["absent", HASH[:-1]]),
            (messages.LoginBody, {"username": "a"}, "password", ["x" * 1024], ["x" * 1025, None]),
            (messages.PairBody, {}, "invitation", [0, 9999, None], [-1, 10_000]),
            (messages.PairBody, {}, "machine", ["0a" * 32, None], ["0A" * 32, "0a" * 31, "0a" * 33, ""]),
            (messages.HelloBody, {}, "client", ["x" * 64, "", None], ["x" * 65, 1]),
            (messages.HelloBody, {}, "keepalive", [True, False], [1, None, "true"]),
            (
                messages.SetstatBody,
                {"rel_endpoint": "a"},
                "meta_data",
                [[["mtime_us", -MAX_SIZE]]],
                [[["mode", 2**63]]],
            ),
            (RestoreBody, {"rel_endpoint": "a"}, "at", [0, None], [-1, MAX_SIZE]),
        ]
        for kind, fixed, name, right, wrong in cases:
            for value in right:
                self.assertTrue(self.fits(kind, {**fixed, name: value}), (kind, name, value))
            for value in wrong:
                self.assertFalse(self.fits(kind, {**fixed, name: value}), (kind, name, value))

    def test_password_is_not_shown(self) -> None:
        """The repr of LOGIN's body, which may get into a log, has no password."""
        self.assertNotIn("SECRET", repr(messages.LoginBody("ann", "SECRET")))


class ValueTests(SynchronousTestCase):
    """Domain values survive the way over the wire."""

    def test_entries(self) -> None:
        """An entry is the same after it was encoded and decoded, with everything known or nothing."""
        for entry in (
            Entry("a/b", "file", 5, 1_714_560_000_123_456, 0o644, HASH),
            Entry("a", "directory", 0, None, None, None),
            Entry("a", "file", 5, None, None, None, damaged=HASH),
            Entry("a", "file", 5, None, None, None, damaged=""),
            Entry("a", "file", 5, 4_000_000, None, mtime_span=(2_000_001, 5_999_999)),
        ):
            decoded = convert(messages.entry_body(entry), messages.EntryBody, "an entry").entry()
            self.assertEqual(decoded, entry)

    def test_damages(self) -> None:
        """So is a damage; one of a kind that is not known yet counts as one of the content."""
        for damage in (Damage("a", "unreadable", HASH, 17, mended=True), Damage("", "content")):
            decoded = convert(messages.damage_body(damage), messages.DamageBody, "a damage").value()
            self.assertEqual(decoded, damage)
        self.assertEqual(messages.DamageBody("a", "burnt").value(), Damage("a", "content"))

    def test_metadata_twice(self) -> None:
        """Of a metadata name that is given twice, the last counts."""
        body = messages.EntryBody("a", "file", meta_data=[("mode", 1), ("mode", 2)])
        self.assertEqual(body.entry().mode, 2)

    def test_refusal(self) -> None:
        """A response whose status is a refusal's carries that refusal; an answer carries none."""
        refused = messages.Response(Status.NOT_FOUND, "nothing is there").refusal
        self.assertIsInstance(refused, NotFound)
        self.assertEqual(str(refused), "nothing is there")
        self.assertIsNone(messages.Response(Status.OK).refusal)
