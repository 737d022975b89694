"""The URL of an upload says all that is known of it."""

from __future__ import annotations

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import BadEndpoint, BadRequest
from homeftp.hashing.filehash import hash_bytes
from homeftp.server.http.page.uploadurl import UploadUrl
from homeftp.server.http.target import parse_target


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


class UploadUrlTests(SynchronousTestCase):
    """`UploadUrl`."""

    def test_round(self) -> None:
        """What a URL is made of is what it says."""
        for url in (
            UploadUrl(parse("a/b.txt"), 5, 1_700_000_000_123_000),
            UploadUrl(parse("50% & more/ü?.txt".replace("?", "#")), 0, -1, hash_bytes(b""), "absent"),
            UploadUrl(parse("a+b=c;d"), 2**40, 0, None, hash_bytes(b"old")),
        ):
            target = parse_target(url.location())
            self.assertEqual(target.path[0], "upload")
            self.assertEqual(UploadUrl.of(target.path[1:], target.query), url)

    def test_created(self) -> None:
        """Metadata are names with values in base64; other clients call the path `filename`."""
        made = UploadUrl.created("7", f"filename {encoded('ü.txt')},filetype {encoded('text/plain')},is_secret", 9)
        self.assertEqual(made, UploadUrl(parse("ü.txt"), 7, 9))
        made = UploadUrl.created("7", f"path {encoded('a/b')}, mtime_us {encoded('12')} ,if {encoded('absent')}", 9)
        self.assertEqual(made, UploadUrl(parse("a/b"), 7, 12, None, "absent"))

    def test_refused(self) -> None:
        """What is no upload is refused."""
        query = {"size": "1", "mtime_us": "2"}
        UploadUrl.of(("a",), query)  # the control
        for other in (
            {"size": "1"},
            {"mtime_us": "2"},
            {**query, "size": "-1"},
            {**query, "size": "1.0"},
            {**query, "size": "9" * 19},
            {**query, "mtime_us": "9" * 30},
            {**query, "hash": "md5:1"},
            {**query, "hash": hash_bytes(b"").upper()},
            {**query, "if": "present"},
        ):
            self.assertRaises(BadRequest, UploadUrl.of, ("a",), other)
        self.assertRaises(BadRequest, UploadUrl.of, (), query)
        self.assertRaises(BadEndpoint, UploadUrl.of, ("a", ".homeftp"), query)
        for metadata in (None, "", "path", "path =", f"filename {encoded('')}", "path \u00fc"):
            self.assertRaises(BadRequest, UploadUrl.created, "1", metadata, 0)
