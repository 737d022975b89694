"""Resume records: what is written can be read, and damage costs no more than what it hit."""

from __future__ import annotations

import os

from homeftp.endpoint import parse
from homeftp.model import SERVER, ResumePoint, WriteRequest
from homeftp.store.local.staging.resumerecord import ResumeRecord, ResumeRecords, encode_point, read_record
from tests.support.stores import LONG_AGO, StoreCase, sha

RECORD = ResumeRecord(parse("a/file"), 1000, sha(b"all"), LONG_AGO, parse("disk"), "ann", "1F")
POINTS = [ResumePoint(size, sha(b"%d" % size)) for size in (10, 20, 30)]


def _without_owner(first: bytes) -> bytes:
    """The first line of a record from before owners were recorded: it has the account's name only."""
    return first.replace(b',"owner":"1F"', b"")


class RecordTests(StoreCase):
    """One record."""

    def read(self, content: bytes) -> tuple[ResumeRecord, list[ResumePoint]] | None:
        """Read a record from a file with this content."""
        fd = os.open(self.lay("record", content), os.O_RDONLY)
        try:
            return read_record(fd)
        finally:
            os.close(fd)

    def test_round_trip(self) -> None:
        """A record and its points are read as they were written."""
        for record in (RECORD, ResumeRecord(parse("a"), 1000, None, None, None, None, None)):
            content = record.encode() + b"".join(map(encode_point, POINTS))
            self.assertEqual(self.read(content), (record, POINTS))

    def test_damaged(self) -> None:
        """A damaged line is skipped; without its first line a record is useless."""
        first, lines = RECORD.encode(), [encode_point(point) for point in POINTS]
        self.assertEqual(self.read(first + lines[0] + b"\0" * 40 + b"\n" + lines[2]), (RECORD, [POINTS[0], POINTS[2]]))
        self.assertEqual(self.read(first + lines[0] + lines[1][:-9]), (RECORD, [POINTS[0]]))
        for useless in (
            b"",
            b"\xff\n",
            b"[" * 10_000,
            first[3:],
            first.replace(b"a/file", b"../file"),
            _without_owner(first),
        ):
            self.assertIsNone(self.read(useless + b"".join(lines)))

    def test_resumed_earlier(self) -> None:
        """A point that is smaller than the ones before replaces them: the upload continued from there."""
        content = RECORD.encode() + b"".join(encode_point(POINTS[number]) for number in (0, 2, 1))
        self.assertEqual(self.read(content), (RECORD, POINTS[:2]))

    def test_too_much(self) -> None:
        """A point behind the declared size is skipped."""
        content = RECORD.encode() + encode_point(POINTS[0]) + encode_point(ResumePoint(1001, sha(b"")))
        self.assertEqual(self.read(content), (RECORD, POINTS[:1]))

    def test_unknown_size(self) -> None:
        """A record without a size is useless: nothing tells when the upload is complete."""
        record = ResumeRecord.of(WriteRequest(endpoint=parse("a"), size=None), None, SERVER)
        self.assertIsNone(self.read(record.encode() + encode_point(POINTS[0])))

    def test_matches(self) -> None:
        """A content is told by its hash if both are known, otherwise by size and mtime."""
        self.assertTrue(RECORD.matches(RECORD.hash, None, None))
        self.assertFalse(RECORD.matches(sha(b"other"), 1000, LONG_AGO))
        self.assertTrue(RECORD.matches(None, 1000, LONG_AGO))
        self.assertFalse(RECORD.matches(None, 1000, None))
        self.assertFalse(RECORD.matches(None, 999, LONG_AGO))

    def test_files(self) -> None:
        """A record file begins with the record, grows by lines, and can be removed twice."""
        _, metadata_dir = self.opened_root()
        records = ResumeRecords(metadata_dir.partial)
        for point in POINTS:
            records.write(b"token", RECORD, encode_point(point))
        with open(self.path(".homeftp/partial/token.note"), "rb") as file:
            self.assertEqual(self.read(file.read()), (RECORD, POINTS))
        records.remove(b"token")
        records.remove(b"token")
        self.assertEqual(self.left(), [])
