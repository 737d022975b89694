"""Answers: what clients read of them."""

from __future__ import annotations

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.model import Entry
from homeftp.server.sftp.wire import answers
from homeftp.server.sftp.wire.numbers import StatusCode
from tests.support.sftppackets import Shown
from tests.support.sftppackets import answers as read

ENTRY = Entry("ä.txt", "file", size=5, mtime_us=1_700_000_000_999_999, mode=0o640)


class AnswerTests(SynchronousTestCase):
    """Each type of answer."""

    def test_version(self) -> None:
        """Version 3, with extensions, of which none makes clients slower."""
        (found,) = read(answers.version())
        self.assertEqual((found.kind, found.id), (2, 3))
        self.assertIn(b"posix-rename@openssh.com", found.fields)
        self.assertNotIn(b"limits@openssh.com", found.fields)

    def test_status(self) -> None:
        """A status has a code and a message."""
        (found,) = read(answers.status(7, StatusCode.FAILURE, "ä"))
        self.assertEqual((found.id, found.code, found.message), (7, 4, "ä"))
        (bare,) = read(answers.status(7, StatusCode.EOF))
        self.assertEqual((bare.id, bare.code, bare.message), (7, 1, ""))
        self.assertEqual(bare.fields[-8:], bytes(8), "an empty message and an empty language")

    def test_content(self) -> None:
        """Handles and data; the data are not copied."""
        (found,) = read(answers.handle(1, b"h"))
        self.assertEqual(found.string, b"h")
        head, content = answers.data(2, memoryview(b"content"))
        (found,) = read(head + content)
        self.assertEqual((found.id, found.string), (2, b"content"))

    def test_attributes(self) -> None:
        """Size, mode and time; what has no time or mode, or an impossible time, has one that can be shown."""
        folder = Entry("d", "directory")
        for entry, shown in (
            (ENTRY, Shown(5, 0o100640, 1_700_000_000)),
            (folder, Shown(0, 0o40755, 0)),
            (structs.replace(ENTRY, mode=None, mtime_us=-5), Shown(5, 0o100644, 0)),
            (structs.replace(ENTRY, mtime_us=2**62), Shown(5, 0o100640, 2**32 - 1)),
        ):
            (found,) = read(answers.attributes(3, entry))
            self.assertEqual(found.attributes, shown)

    def test_names(self) -> None:
        """Names have attributes in listings, and none where a path is told."""
        (found,) = read(answers.names(4, [answers.named(ENTRY, "ann", 0.0), answers.name_only(b"/")]))
        self.assertEqual(found.names, {"ä.txt".encode(): Shown(5, 0o100640, 1_700_000_000), b"/": None})

    def test_long_name(self) -> None:
        """What is recent shows its hour, what is not its year."""
        recent = answers.long_name(ENTRY, "ann", 1_700_000_000.0)
        self.assertEqual(recent, "-rw-r-----    1 ann      ann             5 Nov 14 22:13 ä.txt")
        self.assertIn("Nov 14  2023 ", answers.long_name(ENTRY, "ann", 1_800_000_000.0))
        self.assertIn("drwxr-xr-x", answers.long_name(Entry("d", "directory"), "ann", 0.0))

    def test_statvfs(self) -> None:
        """The free and the used space count in blocks; together they are the size."""
        (found,) = read(answers.statvfs(5, 10 * 4096, 3 * 4096 - 1, 1))
        self.assertEqual((found.kind, len(found.fields)), (201, 88))
        numbers = [int.from_bytes(found.fields[at : at + 8], "big") for at in range(16, 40, 8)]
        self.assertEqual(numbers, [13, 10, 10])
