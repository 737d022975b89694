"""ZIP files that are made while they are sent."""

from __future__ import annotations

import io
import zipfile
from typing import Any
from unittest import mock

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, Changed, NotFound, TooLarge
from homeftp.model import WriteRequest
from homeftp.server.http.page import archive
from homeftp.server.http.page.archive import MISSING, members_of
from homeftp.server.http.page.members import ArchiveMembers, ArchiveMemory
from tests.support.filestores import FilesTestCase


class ArchiveTests(FilesTestCase):
    """`members_of` and `archive` over a store in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = ArchiveMemory()

    def members(self, *names: str, at: str = "", top: str = "top", group: str = "ann") -> ArchiveMembers:
        return self.result_of(members_of(self.memory, group, self.files, parse(at), names, top))

    def made(self, members: ArchiveMembers) -> bytes:
        async def collect() -> bytes:
            return b"".join([piece async for piece in archive.archive(self.files, members.pages())])

        return self.result_of(collect())

    def test_content(self) -> None:
        """Contents, empty folders, times and modes arrive, without compression; other programs' checks pass."""
        large = bytes(range(256)) * (2 * MIB // 256) + b"end"
        self.lay({"a.txt": b"one", "d/large.bin": large, "d/ü.txt": b""})
        self.store.make_directory(WriteRequest(endpoint=parse("empty")))
        self.store.set_metadata(parse("a.txt"), mtime_us=1_000_000_000_000_000, mode=0o640, precondition=None)
        with zipfile.ZipFile(io.BytesIO(self.made(self.members()))) as made:
            self.assertIsNone(made.testzip())
            self.assertEqual(made.namelist(), ["top/a.txt", "top/d/", "top/d/large.bin", "top/d/ü.txt", "top/empty/"])
            self.assertEqual(made.read("top/d/large.bin"), large)
            info = made.getinfo("top/a.txt")
            self.assertEqual((info.compress_type, info.external_attr >> 16), (zipfile.ZIP_STORED, 0o100640))
            self.assertEqual(info.date_time[0], 2001)
            self.assertTrue(made.getinfo("top/empty/").is_dir())

    def test_pieces(self) -> None:
        """A large file is never held as a whole."""
        self.lay({"large.bin": bytes(9 * MIB)})

        async def largest() -> int:
            return max([len(piece) async for piece in archive.archive(self.files, self.chosen.pages())])

        self.chosen = self.members()
        self.assertLess(self.result_of(largest()), 3 * MIB)

    def test_large_members(self) -> None:
        """A file that comes in pieces may have more than 4 GiB: its sizes are those of ZIP64."""
        self.lay({"a.txt": bytes(MIB)})
        made = self.made(self.members())
        self.assertIn(b"\x01\x00\x10\x00", made[: 30 + len("top/a.txt") + 40], "the extra field of ZIP64")

    def test_chosen(self) -> None:
        """Of a choice each is at the top under its own name, also what was removed meanwhile: it is found missing."""
        self.lay({"d/a.txt": b"one", "d/e/b.txt": b"two", "d/c.txt": b"three"})

        def names(members: ArchiveMembers) -> list[str]:
            return [each.name for page in members.pages() for each in page]

        self.assertEqual(names(self.members("a.txt", "e", "gone.txt", at="d")), ["a.txt", "e", "e/b.txt", "gone.txt"])
        self.assertEqual(names(self.members("d/a.txt", "d/e/b.txt")), ["d/a.txt", "d/e/b.txt"])
        for name in ("", "../d", "a//b", "/a"):
            self.error_of(BadEndpoint, members_of(self.memory, "ann", self.files, ROOT, [name], "top"))
        self.error_of(NotFound, members_of(self.memory, "ann", self.files, parse("nothing"), (), "top"))

    def test_many(self) -> None:
        """Many small files are read together, and a large one between them in pieces; each has its own content."""
        contents = {f"{number:03}.txt": b"%d" % number * number for number in range(600)}
        contents["300.txt"] = bytes(2 * MIB)
        self.lay(contents)
        with zipfile.ZipFile(io.BytesIO(self.made(self.members()))) as made:
            self.assertIsNone(made.testzip())
            self.assertEqual({name.removeprefix("top/"): made.read(name) for name in made.namelist()}, contents)

    def test_missing(self) -> None:
        """A file that cannot be opened is left out, and named in a file of its own."""
        self.lay({"a.txt": b"one", "b.txt": b"two"})
        members = self.members()
        self.result_of(self.files.remove(parse("a.txt")))
        with zipfile.ZipFile(io.BytesIO(self.made(members))) as made:
            self.assertEqual(made.namelist(), ["top/b.txt", MISSING])
            self.assertIn("top/a.txt: ", made.read(MISSING).decode())

    def test_chosen_missing(self) -> None:
        """What was chosen and removed meanwhile is named, too; where everything is there, nothing is."""
        self.lay({"a.txt": b"one"})
        with zipfile.ZipFile(io.BytesIO(self.made(self.members("gone.txt", "a.txt")))) as made:
            self.assertEqual(made.namelist(), ["a.txt", MISSING])
            self.assertEqual(made.read(MISSING), b"gone.txt: gone.txt does not exist on the server\r\n")
        with zipfile.ZipFile(io.BytesIO(self.made(self.members("a.txt")))) as made:
            self.assertEqual(made.namelist(), ["a.txt"])

    def test_changed(self) -> None:
        """A file that changes while it is sent cuts the download off: nobody takes it for complete."""
        self.lay({"large.bin": bytes(2 * MIB)})
        (page,) = self.members().pages()
        streams: list[Any] = []

        async def opened(endpoint: Endpoint) -> Any:
            stream = mock.Mock(wraps=await self.files.open(endpoint), entry=page[0].entry)
            stream.close_verified.side_effect = Changed("it changed")
            streams.append(stream)
            return stream

        async def collect() -> bytes:
            return b"".join([piece async for piece in archive.archive(mock.Mock(open=opened), iter([page]))])

        self.assertEqual(str(self.error_of(Changed, collect())), "it changed")
        self.assertEqual([stream.close.call_count for stream in streams], [1])

    def test_bounded(self) -> None:
        """A folder with more files than a ZIP file may have is refused before anything is sent."""
        self.lay({f"{number}.txt": b"" for number in range(4)})
        with mock.patch("homeftp.server.http.page.members.MOST_MEMBERS", 3):
            for names in ((), ("0.txt",) * 4):
                self.error_of(TooLarge, members_of(self.memory, "ann", self.files, ROOT, names, "top"))
        self.assertEqual(self.memory.held, 0, "nothing is held of a refused one")
