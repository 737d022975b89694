"""The bodies of VERSIONS, RESTORE and PRUNE."""

from __future__ import annotations

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import BadRequest, Changed
from homeftp.history.changes import Pruned, Reverted
from homeftp.history.writer import Writer
from homeftp.model import MAX_SIZE, Version
from homeftp.wire.codec import convert, decode_body
from homeftp.wire.history import (
    PruneBody,
    PrunedBody,
    RestoreBody,
    RevertedBody,
    VersionBody,
    WriterBody,
    pruned_body,
    reverted_body,
    version_body,
    writer_body,
)

HASH = "sha256:" + "0" * 64


class BodyTests(SynchronousTestCase):
    """Parameters and their bounds."""

    def test_defaults(self) -> None:
        """Only the endpoint is required."""
        only = msgspec.Raw(b'{"rel_endpoint": "a"}')
        self.assertEqual(decode_body("RESTORE", only, RestoreBody), RestoreBody(parse("a")))
        self.assertEqual(decode_body("PRUNE", only, PruneBody), PruneBody(parse("a")))

    def test_bounds(self) -> None:
        """Times and counts are not negative, and switches are boolean."""
        for request, kind, field, wrong in (
            ("RESTORE", RestoreBody, "as_of", -1),
            ("RESTORE", RestoreBody, "as_of", MAX_SIZE),
            ("RESTORE", RestoreBody, "recursive", 1),
            ("RESTORE", RestoreBody, "dry_run", '"yes"'),
            ("PRUNE", PruneBody, "keep", -1),
            ("PRUNE", PruneBody, "before", "1.5"),
            ("PRUNE", PruneBody, "dry_run", 0),
        ):
            body = msgspec.Raw(f'{{"rel_endpoint": "a", "{field}": {wrong}}}'.encode())
            self.assertIn(field, str(self.assertRaises(BadRequest, decode_body, request, body, kind)))


class ResultTests(SynchronousTestCase):
    """Versions, and what became of names and versions, there and back."""

    def test_versions(self) -> None:
        """A version is the same after it was encoded and decoded, with everything known or nothing."""
        for version in (Version("a", 17, 5, 3, 0o600, HASH), Version("", 0, 0, None, None, None)):
            self.assertEqual(convert(version_body(version), VersionBody, "a version").value(), version)

    def test_writer(self) -> None:
        """A writer is the same after it was encoded and decoded; a device that is not known is left out."""
        for writer in (Writer("ann", "phone", 5), Writer("ann", None, 0)):
            self.assertEqual(convert(writer_body(writer), WriterBody, "a writer").value(), writer)
        self.assertEqual(writer_body(Writer("ann", None, 5)), {"account": "ann", "at": 5})

    def test_reverted(self) -> None:
        """Each outcome; a refusal has its status and its message."""
        for each in (
            Reverted(name="a", outcome="restored", at_us=5, size=3, hash=HASH),
            Reverted(name="", outcome="restored", at_us=5),
            Reverted(name="d", outcome="removed", kind="directory"),
        ):
            self.assertEqual(convert(reverted_body(each), RevertedBody, "a body").value(), each)
        body = reverted_body(Reverted(name="a", outcome="refused", refusal=Changed("it has changed")))
        self.assertEqual((body["status"], body["message"]), (44, "it has changed"))
        self.assertIsInstance(convert(body, RevertedBody, "a body").value().refusal, Changed)

    def test_pruned(self) -> None:
        """A version that is gone, and one that is not."""
        gone = Pruned(name="a", at_us=5, size=3)
        self.assertEqual(convert(pruned_body(gone), PrunedBody, "a body").value(), gone)
        left = convert(
            pruned_body(Pruned(name="a", at_us=5, size=3, refusal=Changed("x"))), PrunedBody, "a body"
        ).value()
        self.assertIsInstance(left.refusal, Changed)
