"""Reading the files of the audit log."""

from __future__ import annotations

import os

from homeftp.audit.file import AuditFile
from homeftp.audit.reader import AuditFileReader
from tests.support.folders import QuickCase


class AuditFileReaderTests(QuickCase):
    """One log that is written and read by turns."""

    def test_new(self) -> None:
        """What is new since the last look is read, also when a new file was begun, and no line twice."""
        folder = os.path.abspath(self.mktemp())
        reader = AuditFileReader(folder)
        self.assertEqual(list(reader.lines()), [])
        seen: list[bytes] = []
        for turn, size in enumerate((None, 1, 1, None)):
            log = AuditFile(folder, size=size, kept=9)
            for number in range(3):
                log.append([b"%d %d\n" % (turn, number)])
            log.close()
            seen += reader.lines()
        self.assertEqual(seen, [b"%d %d\n" % (turn, number) for turn in range(4) for number in range(3)])
        with open(os.path.join(folder, "audit.jsonl"), "ab") as file:
            file.write(b"half")
            file.flush()
            self.assertEqual(list(reader.lines()), [], "it is not whole yet")
            file.write(b" and half\n")
        self.assertEqual(list(reader.lines()), [b"half and half\n"])
