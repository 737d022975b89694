"""Listing and searching, page by page."""

from __future__ import annotations

from typing import Any, AsyncGenerator

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, NotFound
from homeftp.model import WriteRequest
from homeftp.server.http.page.listing import MOST_FOUND, list_folder, search
from tests.support.filestores import FilesTestCase


async def collected(values: AsyncGenerator[dict[str, Any], None]) -> list[dict[str, Any]]:
    return [each async for each in values]


class ListingTests(FilesTestCase):
    """`list_folder` and `search` over a store in memory."""

    def found(self, text: str, at: str = "") -> list[str]:
        lines = self.result_of(collected(search(self.files, parse(at), text)))
        return [entry.name for line in lines for entry in line["entries"]]

    def test_pages(self) -> None:
        """A large folder comes in several pages, which hold all of it once."""
        self.lay({f"{number:04}.txt": b"x" for number in range(1200)})
        lines = self.result_of(collected(list_folder(self.files, ROOT)))
        self.assertGreater(len(lines), 2)
        names = [entry.name for line in lines for entry in line["entries"]]
        self.assertEqual(names, [f"{number:04}.txt" for number in range(1200)])

    def test_listings_end(self) -> None:
        """A listing that is not read to its end does not keep the account's place for listings."""
        self.lay({f"{number:04}.txt": b"x" for number in range(1200)})

        async def one_page() -> None:
            lines = list_folder(self.files, ROOT)
            await anext(lines)
            await lines.aclose()

        for _ in range(9):
            self.result_of(one_page())

    def test_words(self) -> None:
        """All words must be in the name itself, in any case and order; the folders on the way do not count."""
        self.lay({"Photos/Summer in ROME.jpg": b"", "Photos/rome.txt": b"", "rome/x.txt": b"", "Straße.txt": b""})
        self.assertEqual(self.found("rome summer"), ["Photos/Summer in ROME.jpg"])
        self.assertEqual(self.found("rome"), ["Photos/Summer in ROME.jpg", "Photos/rome.txt", "rome"])
        self.assertEqual(self.found("STRASSE"), ["Straße.txt"])
        self.assertEqual(self.found("rome", "Photos"), ["Summer in ROME.jpg", "rome.txt"])

    def test_bounded(self) -> None:
        """A search ends when it has found enough, and says that there is more."""
        requests = [(WriteRequest(endpoint=parse(f"{number:05}.txt")), b"") for number in range(MOST_FOUND + 1)]
        self.store.write_many(requests)
        lines = self.result_of(collected(search(self.files, ROOT, "txt")))
        self.assertEqual(sum(len(line["entries"]) for line in lines), MOST_FOUND)
        self.assertTrue(lines[-1]["more"])

    def test_refused(self) -> None:
        """A search needs words, not too many, and a folder."""
        for text in ("", "  ", "x " * 21):
            self.error_of(BadRequest, collected(search(self.files, ROOT, text)))
        self.error_of(NotFound, collected(search(self.files, parse("nothing"), "x")))
