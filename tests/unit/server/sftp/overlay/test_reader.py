"""Reading a file: ahead where that helps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeftp.config import KIB, MIB
from homeftp.endpoint import parse
from homeftp.errors import Changed
from homeftp.server.sftp.overlay.reader import SequentialReader
from tests.support.filestores import FilesTestCase
from tests.support.repeatable import REPEATABLE

CONTENT = bytes(range(251)) * 5000


class ReaderTests(FilesTestCase):
    """A file of 1.2 MiB."""

    def opened(self) -> SequentialReader:
        """The file, opened."""
        self.lay({"a": CONTENT})
        return SequentialReader(self.result_of(self.files.open(parse("a"))), self.budget)

    def test_ahead(self) -> None:
        """In order it needs few jobs, and holds what the budget grants; at the end, and closed, nothing."""
        reader, jobs, found = self.opened(), 0, b""
        while len(found) < len(CONTENT):
            work = self.start(reader.read(len(found), 32 * KIB))
            while done := self.workers.work():
                jobs += done
            found += bytes(self.successResultOf(work))
        self.assertEqual(found, CONTENT)
        self.assertLess(jobs, 6)
        self.assertLessEqual(self.budget.granted, 2 * MIB)
        self.assertEqual(self.result_of(reader.read(len(CONTENT), 9)), b"")
        self.result_of(reader.close())
        self.assertEqual(self.budget.granted, 0)

    def test_idle(self) -> None:
        """What was read ahead is forgotten when nobody reads on, and read again when somebody does."""
        reader = self.opened()
        self.result_of(reader.read(0, 100))
        self.result_of(reader.read(100, 100))
        reader.forget_idle()
        self.assertGreater(self.budget.granted, 0)
        reader.forget_idle()
        self.assertEqual(self.budget.granted, 0)
        self.assertEqual(bytes(self.result_of(reader.read(200, 100))), CONTENT[200:300])
        self.result_of(reader.close())

    def test_short(self) -> None:
        """A file that got shorter is noticed."""
        reader = self.opened()

        class Short:
            entry = reader.entry

            async def read(self, offset: int, length: int) -> bytes:
                return b""

        self.error_of(Changed, SequentialReader(Short(), self.budget).read(0, 5))  # type: ignore[arg-type]

    @REPEATABLE
    @given(st.lists(st.tuples(st.integers(-1, len(CONTENT) + 9), st.integers(0, 300 * KIB)), max_size=12))
    def test_any(self, reads: list[tuple[int, int]]) -> None:
        """Whatever is read in whatever order (-1: where the last one ended), it is what the file has there."""
        self.setUp()
        reader, end = self.opened(), 0
        for offset, length in reads:
            offset = end if offset < 0 else offset
            self.assertEqual(bytes(self.result_of(reader.read(offset, length))), CONTENT[offset : offset + length])
            end = offset + length
        self.result_of(reader.close())
        self.assertEqual(self.budget.granted, 0)
