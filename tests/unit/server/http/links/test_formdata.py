"""Forms with files: events for what arrives, in any pieces, and names that are legal whatever the browser says."""

from __future__ import annotations

from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import name_problem
from homeftp.errors import BadRequest, TooLarge
from homeftp.server.http.links.formdata import (
    MOST_PARTS,
    FormReader,
    PartBegin,
    PartData,
    PartEnd,
    PartEvent,
    kept_name,
    numbered,
)

TYPE = "multipart/form-data; boundary=XX"


def part(disposition: str, content: bytes = b"", more: str = "") -> bytes:
    """One part of a form."""
    return f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def joined(events: Sequence[PartEvent]) -> list[PartEvent]:
    """The same events, with pieces of content that follow each other as one."""
    found: list[PartEvent] = []
    for event in events:
        if isinstance(event, PartData) and found and isinstance(found[-1], PartData):
            found[-1] = PartData(found[-1].data + event.data)
        else:
            found.append(event)
    return found


class FormReaderTests(SynchronousTestCase):
    """`FormReader`."""

    def read(self, body: bytes, size: int | None = None) -> list[PartEvent]:
        """The events of a body that arrives in pieces of that size."""
        reader, size = FormReader(TYPE), size or len(body) or 1
        events = [event for at in range(0, len(body), size) for event in reader.feed(body[at : at + size])]
        reader.end()
        return joined(events)

    def test_files(self) -> None:
        """Each part begins, has its content and ends, however the bytes are cut; a field is told from a file."""
        content = b"\r\n--X\r\n--XY" * 3
        body = part('name="files"; filename="a.txt"', content, "Content-Type: text/plain\r\n")
        body += part('name="note"', b"hello") + part('name="files"; filename=""') + b"--XX--\r\n"
        expected = [
            PartBegin("files", "a.txt"),
            PartData(content),
            PartEnd(),
            PartBegin("note", None),
            PartData(b"hello"),
            PartEnd(),
            PartBegin("files", ""),
            PartEnd(),
        ]
        for size in (None, 1, 2, 7, 64):
            self.assertEqual(self.read(body, size), expected, size)

    def test_names(self) -> None:
        """A name is UTF-8 as it is; the extended syntax, which forms may not use, is ignored."""
        body = part('name="f"; filename="größe.txt"; filename*=UTF-8\'\'evil.html') + b"--XX--\r\n"
        self.assertEqual(self.read(body)[0], PartBegin("f", "größe.txt"))

    def test_malformed(self) -> None:
        """What is no form, ends early, or has endless headers is refused."""
        for kind in (None, "text/plain", "multipart/form-data", "multipart/mixed; boundary=XX", TYPE + "X" * 300):
            with self.assertRaises(BadRequest, msg=str(kind)):
                FormReader(kind)
        whole = part('name="f"; filename="a"', b"x") + b"--XX--\r\n"
        for body in (
            whole[:-8],
            b"--YY\r\n" + whole,
            part('name="f"', more="X: " + "y" * 10_000 + "\r\n") + b"--XX--\r\n",
            part('name="f"', more="X: y\r\n" * 100) + b"--XX--\r\n",
            b"",
        ):
            with self.assertRaises(BadRequest, msg=str(body[:40])):
                self.read(body)
        self.read(whole)

    def test_most_parts(self) -> None:
        """A form of very many small parts is refused."""
        with self.assertRaises(TooLarge):
            self.read(part('name="f"') * (MOST_PARTS + 1))


class NameTests(SynchronousTestCase):
    """`kept_name` and `numbered`."""

    def test_kept(self) -> None:
        """Legal names stay; of a path only its end counts; what no system could keep is replaced."""
        for given, kept in (
            ("lake.jpg", "lake.jpg"),
            ("Größe 1.txt", "Größe 1.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.txt", "a.txt"),
            ("..", "upload"),
            (".", "upload"),
            ("", "upload"),
            ("a/", "upload"),
            ("a\x00b\r\n.txt", "a_b__.txt"),
            ('a<b>:"|?*.txt', "a_b______.txt"),
            ("con.txt", "_con.txt"),
            ("dots...", "dots"),
            (".homeftp", "_.homeftp"),
            (".homeftp-x", "_.homeftp-x"),
            ("e\u0301.txt", "é.txt"),
            ("\ud800", "_"),
            ("   ", "upload"),
        ):
            self.assertEqual(kept_name(given), kept, ascii(given))
            self.assertIsNone(name_problem(kept))

    def test_long(self) -> None:
        """A long name is cut before its suffix, to what file systems keep."""
        name = kept_name("é" * 300 + ".jpg")
        self.assertTrue(name.endswith("é.jpg"))
        self.assertLessEqual(len(name.encode()), 255)
        self.assertIsNone(name_problem(name))
        more = numbered(name, 12)
        self.assertTrue(more.endswith("é (12).jpg"))
        self.assertIsNone(name_problem(more))
        self.assertIsNone(name_problem(kept_name("x." + "y" * 400)))

    def test_numbered(self) -> None:
        """The number goes before the suffix; a name that begins with a dot has none."""
        for name, expected in (
            ("a.jpg", "a (2).jpg"),
            ("a", "a (2)"),
            (".profile", ".profile (2)"),
            ("a.tar.gz", "a.tar (2).gz"),
        ):
            self.assertEqual(numbered(name, 2), expected)
