"""The bytes of ZIP files, which other programs read."""

from __future__ import annotations

import io
import zipfile
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.model import Entry
from homeftp.server.http.page import zipwriter
from homeftp.server.http.page.zipwriter import ZipWriter

AT = Entry("", "file", mtime_us=1_000_000_000_000_000, mode=0o640)


class ZipWriterTests(SynchronousTestCase):
    """ZIP files of a few members, as Python's own module reads them."""

    def test_many(self) -> None:
        """More members than are compressed together come out in their order, and more than 65,535 are counted."""
        for count in (0, 1, 499, 500, 501, 70_000):
            writer = ZipWriter()
            data = b"".join(writer.file(f"{number}", AT, b"%d" % number) for number in range(count))
            with zipfile.ZipFile(io.BytesIO(data + b"".join(writer.end()))) as made:
                self.assertEqual(made.namelist(), [str(number) for number in range(count)])
                self.assertEqual([made.read(name) for name in made.namelist()[-2:]], [
                    b"%d" % number for number in range(max(0, count - 2), count)
                ])  # fmt: skip

    def test_pieces(self) -> None:
        """A file in pieces is read whole, between others; a folder, a time and a mode arrive."""
        writer = ZipWriter()
        data = [writer.folder("d", AT), writer.begin("d/ü", AT), writer.piece(b"one"), writer.piece(b"two")]
        data += [writer.finish(), writer.file("e", None, b"three"), *writer.end()]
        with zipfile.ZipFile(io.BytesIO(b"".join(data))) as made:
            self.assertIsNone(made.testzip())
            self.assertEqual(made.namelist(), ["d/", "d/ü", "e"])
            self.assertEqual((made.read("d/ü"), made.read("e")), (b"onetwo", b"three"))
            self.assertTrue(made.getinfo("d/").is_dir())
            self.assertEqual(made.getinfo("d/ü").external_attr >> 16, 0o100640)
            self.assertEqual(made.getinfo("d/ü").date_time[0], 2001)

    def test_large(self) -> None:
        """Sizes and places of 4 GiB and more are those of ZIP64."""
        with mock.patch.object(zipwriter, "_MOST_32", 40):
            writer = ZipWriter()
            data = [writer.file("a", AT, b"x"), writer.begin("b", AT), writer.piece(b"y" * 50), writer.finish()]
            data += list(writer.end())
        self.assertIn(b"PK\6\6", data[-3])
        self.assertIn(b"PK\6\7", data[-2])

    def test_times(self) -> None:
        """A time that a ZIP file cannot hold becomes the first that it can."""
        for mtime_us in (-(10**18), 10**18, 0):
            writer = ZipWriter()
            data = writer.file("a", Entry("", "file", mtime_us=mtime_us), b"") + b"".join(writer.end())
            with zipfile.ZipFile(io.BytesIO(data)) as made:
                self.assertEqual(made.getinfo("a").date_time, (1980, 1, 1, 0, 0, 0))
