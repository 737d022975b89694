"""Uploads by tus: begun, resumed, completed, and refused where they are not what they say."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Mapping

from twisted.internet.error import ConnectionLost

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import BadEndpoint, BadRequest, Changed, ContentMismatch
from homeftp.hashing.filehash import hash_bytes
from homeftp.server.http.messages import HttpRequest
from homeftp.server.http.page.tus import TusHandler
from homeftp.server.http.refusals import HttpError
from tests.support.logins import started
from tests.support.pagerequests import Answer, HandlerCase

CONTENT = bytes(range(256)) * (3 * MIB // 256)
SENT = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())


class TusTests(HandlerCase):
    """`TusHandler` over a store in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.handler = TusHandler()

    def creation(self, content: bytes, body: bytes = b"", **about: Any) -> HttpRequest:
        told = {"path": "film.mp4", "mtime_us": "1700000000123000", **about}
        headers = {**SENT, "Upload-Length": str(len(content)), "Upload-Metadata": metadata(**told)}
        return self.request("POST", "upload", headers=headers, body=body)

    def begin(self, **about: Any) -> str:
        return self.answer(self.creation(CONTENT, **about)).headers["location"]

    def sent(self, url: str, offset: int, body: bytes, **given: Any) -> HttpRequest:
        return self.request_of("PATCH", url, {**SENT, "Upload-Offset": str(offset)}, body, **given)

    def head(self, url: str) -> Mapping[str, str]:
        return self.answer(self.request_of("HEAD", url, SENT)).headers

    def lose(self, url: str, offset: int, body: bytes, arrives: int) -> None:
        """The connection is lost when so much of a body has arrived."""
        request = self.sent(url, offset, body, arrives=arrives)
        work = started(self.handler.handle(request))
        self.workers.work_all()
        request.body.fail(ConnectionLost())
        self.workers.work_all()
        self.failureResultOf(work, ConnectionLost)

    def test_whole(self) -> None:
        """One request stores a file with its time, and says the hash of what was stored."""
        answer = self.answer(self.creation(CONTENT, CONTENT, path="a/film.mp4"))
        self.assertEqual((answer.status, answer.headers["upload-offset"]), (201, str(len(CONTENT))))
        self.assertEqual(answer.headers["homeftp-hash"], hash_bytes(CONTENT))
        self.assertEqual(self.content("a/film.mp4"), CONTENT)
        entry = self.store.stat(parse("a/film.mp4"))
        assert entry is not None
        self.assertEqual(entry.mtime_us, 1700000000123000)
        self.assertEqual(self.head(answer.headers["location"])["upload-offset"], str(len(CONTENT)))

    def test_audited(self) -> None:
        """The audit log names an upload as it names every other."""
        self.answer(self.creation(b"x", b"x"))
        self.assertEqual(self.page_login.requests, ["PUSH"])

    def test_empty(self) -> None:
        """An empty file is complete when its upload is begun."""
        self.assertEqual(self.answer(self.creation(b"")).status, 201)
        self.assertEqual(self.content("film.mp4"), b"")

    def test_resumed(self) -> None:
        """After a lost connection HEAD says how much arrived, with its hash; PATCH sends the rest."""
        url = self.begin()
        self.assertEqual(self.head(url)["upload-offset"], "0")
        self.lose(url, 0, CONTENT, 2 * MIB)
        found = self.head(url)
        self.assertEqual(found["upload-offset"], str(2 * MIB))
        self.assertEqual(found["homeftp-arrived-hash"], hash_bytes(CONTENT[: 2 * MIB]))
        self.assertIsNone(self.content("film.mp4"), "nothing is visible before it is whole")
        answer = self.answer(self.sent(url, 2 * MIB, CONTENT[2 * MIB :]))
        self.assertEqual((answer.status, answer.headers["homeftp-hash"]), (204, hash_bytes(CONTENT)))
        self.assertEqual(self.content("film.mp4"), CONTENT)
        done = self.head(url)
        self.assertEqual((done["upload-offset"], done["homeftp-hash"]), (str(len(CONTENT)), hash_bytes(CONTENT)))

    def test_parts(self) -> None:
        """A file may come in parts of a mebibyte and more; smaller beginnings are refused, not forgotten."""
        url = self.begin()
        for start in range(0, len(CONTENT), MIB):
            answer = self.answer(self.sent(url, start, CONTENT[start : start + MIB]))
            self.assertEqual(answer.headers["upload-offset"], str(start + MIB))
        self.assertEqual(self.content("film.mp4"), CONTENT)
        self.refused(BadRequest, self.sent(self.begin(path="b.bin"), 0, b"x" * 1000))

    def test_other_offset(self) -> None:
        """A PATCH anywhere but behind what has arrived is refused with 409."""
        url = self.begin()
        self.assertEqual(self.refused(HttpError, self.sent(url, 5, CONTENT[5:])).status, 409)
        self.lose(url, 0, CONTENT, 2 * MIB)
        for offset in (0, MIB):
            self.assertEqual(self.refused(HttpError, self.sent(url, offset, CONTENT[offset:])).status, 409)

    def test_begun_again(self) -> None:
        """A client whose file has another beginning than what arrived begins again, and gets what it sends."""
        self.lose(self.begin(), 0, CONTENT, 2 * MIB)
        other = CONTENT[::-1]
        self.answer(self.creation(other, other))
        self.assertEqual(self.content("film.mp4"), other)

    def test_other_uploads(self) -> None:
        """Another time, size or path is another upload."""
        self.lose(self.begin(), 0, CONTENT, 2 * MIB)
        for about in ({"mtime_us": "1700000000123001"}, {"path": "other.mp4"}):
            self.assertEqual(self.head(self.begin(**about))["upload-offset"], "0")
        longer = self.answer(self.creation(CONTENT + b"x")).headers["location"]
        self.assertEqual(self.head(longer)["upload-offset"], "0")

    def test_no_time(self) -> None:
        """An upload without a time gets that of its beginning: no file of its size at its path is taken for it."""
        self.lay({"film.mp4": CONTENT})
        headers = {**SENT, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata(filename="film.mp4")}
        url = self.answer(self.request("POST", "upload", headers=headers)).headers["location"]
        self.assertEqual(self.head(url)["upload-offset"], "0")

    def test_hash(self) -> None:
        """Content with another hash than the one that was declared is not stored."""
        self.refused(ContentMismatch, self.creation(CONTENT, CONTENT, hash=hash_bytes(b"other")))
        self.assertIsNone(self.content("film.mp4"))
        self.answer(self.creation(CONTENT, CONTENT, hash=hash_bytes(CONTENT)))
        self.assertEqual(self.content("film.mp4"), CONTENT, "the control")

    def test_condition(self) -> None:
        """An upload that expects nothing there replaces nothing; without a condition the old file becomes a version."""
        self.lay({"film.mp4": b"old"})
        self.refused(Changed, self.creation(CONTENT, CONTENT, **{"if": "absent"}))
        self.assertEqual(self.content("film.mp4"), b"old")
        self.answer(self.creation(CONTENT, CONTENT))
        self.assertEqual(len([each for page in self.store.versions(parse("film.mp4")) for each in page]), 1)

    def test_condition_of_resumed(self) -> None:
        """A resumed upload finds out that something is there by now, as one that is begun does."""
        url = self.begin(**{"if": "absent"})
        self.lose(url, 0, CONTENT, 2 * MIB)
        self.lay({"film.mp4": b"quicker"})
        self.refused(Changed, self.sent(url, 2 * MIB, CONTENT[2 * MIB :]))
        self.assertEqual(self.content("film.mp4"), b"quicker")

    def test_malformed(self) -> None:
        """What an upload cannot be is refused."""
        for about in ({"path": ""}, {"mtime_us": "soon"}, {"hash": "sha256:0"}, {"if": "perhaps"}):
            self.refused(BadRequest, self.creation(b"x", b"x", **about))
        for path in ("../x", "a//b", ".homeftp/x", "con"):
            self.refused(BadEndpoint, self.creation(b"x", b"x", path=path))
        for headers in (
            {"Upload-Length": "-1"},
            {"Upload-Length": "x"},
            {},
            {"Upload-Length": "1", "Upload-Metadata": "path !"},
        ):
            self.refused(BadRequest, self.request("POST", "upload", headers={**SENT, **headers}))

    def test_content(self) -> None:
        """Content needs its type and its length, and is never more than the upload has."""
        url = self.begin()
        status = [
            self.refused(HttpError, self.sent(url, 0, CONTENT + b"x")).status,
            self.refused(HttpError, self.sent(url, 0, b"", length=None)).status,
            self.refused(
                HttpError, self.request_of("PATCH", url, {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}, b"x")
            ).status,
        ]
        self.assertEqual(status, [413, 411, 415])
        self.refused(BadRequest, self.sent(url, -1, b""))

    def test_protocol(self) -> None:
        """OPTIONS says what is spoken; other versions and methods are refused."""
        answer: Answer = self.ask("OPTIONS", "upload")
        self.assertEqual(answer.headers["tus-extension"], "creation,creation-with-upload")
        other = self.refused(HttpError, self.request("POST", "upload", headers={"Tus-Resumable": "0.2.2"}))
        self.assertEqual((other.status, other.headers), (412, [("Tus-Version", "1.0.0")]))
        self.assertEqual(self.refused(HttpError, self.request("DELETE", "upload", "a", headers=SENT)).status, 405)
        self.assertFalse(self.handler.allows_without_login(self.request("OPTIONS", "upload")))
