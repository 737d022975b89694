"""The content that is written: in memory while it is small."""

from __future__ import annotations

from homeftp.config import SMALL_FILE
from homeftp.endpoint import parse
from homeftp.server.sftp.overlay.content import DraftContent, Pending, SmallMemory
from tests.support.filestores import FilesTestCase


class ContentTests(FilesTestCase):
    """One content."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = SmallMemory(3 * SMALL_FILE // 2)
        self.pending = Pending(parse("a"), mtime_us=7, mode=0o600)

    def made(self) -> DraftContent:
        """A new one."""
        return DraftContent(self.files, self.memory)

    def test_small(self) -> None:
        """A small content needs no job before its commit."""
        content = self.made()
        self.successResultOf(self.start(content.write(self.pending, 3, b"abc")))
        self.successResultOf(self.start(content.truncate(self.pending, 5)))
        self.assertEqual((self.memory.used, content.size), (5, 5))
        entry = self.result_of(content.commit(self.pending))
        self.assertEqual((entry.size, entry.mtime_us, entry.mode, self.content("a")), (5, 7, 0o600, b"\0\0\0ab"))
        self.assertEqual(self.memory.used, 0)

    def test_memory(self) -> None:
        """Past the memory of the session a content becomes a draft; what ends gives its memory back."""
        first, second = self.made(), self.made()
        self.result_of(first.write(self.pending, 0, bytes(SMALL_FILE)))
        self.result_of(second.write(self.pending, 0, b"x"))
        self.result_of(second.write(self.pending, 1, bytes(SMALL_FILE - 1)))
        self.assertEqual((self.memory.used, second.size), (SMALL_FILE, SMALL_FILE))
        self.result_of(second.commit(self.pending))
        self.result_of(first.abort())
        self.assertEqual((self.memory.used, self.content("a")), (0, b"x" + bytes(SMALL_FILE - 1)))
