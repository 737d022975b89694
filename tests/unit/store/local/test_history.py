"""The history: versions page by page, without names that no client could use."""

from __future__ import annotations

from unittest import mock

from homeftp.endpoint import NO_FOLDERS, ROOT, FolderSet, parse
from homeftp.errors import Busy
from tests.support.storecases import VersionsCase


class HistoryTests(VersionsCase):
    """Listing versions."""

    def test_pages(self) -> None:
        """A page holds only so many, and all pages together everything."""
        store = self.store()
        for number in range(7):
            self.put(store, f"d/f{number}", b"old")
            self.put(store, f"d/f{number}", b"new")
        with mock.patch("homeftp.store.policy.pages.LISTING_PAGE", 3):
            pages = list(store.versions(parse("d")))
        self.assertEqual([len(page) for page in pages if page], [3, 3, 1])
        self.assertEqual({version.name for page in pages for version in page}, {f"f{number}" for number in range(7)})

    def test_skipped(self) -> None:
        """Versions of file types that are not allowed, or with names that are no endpoints, are left out."""
        self.lay(".homeftp/versions/2025-11-26/a\\b/.homeftp-12.00.00.000000-x.txt")
        self.lay(".homeftp/versions/2025-11-26/.homeftp-12.00.00.000000-x.exe")
        self.lay(".homeftp/versions/2025-11-26/.homeftp-12.00.00.000000-x.txt")
        self.assertEqual([version.name for version in self.versions(self.store(filetypes=(".txt",)))], ["x.txt"])

    def test_missing_disk(self) -> None:
        """What is listed of a folder ends with a refusal where a disk in it is not mounted, unless that is hidden."""
        self.lay(".homeftp/mounts", b"d/disk\n")
        store = self.store()
        for content in (b"old", b"new"):
            self.put(store, "d/file", content)
        for place in (ROOT, parse("d")):
            pages = store.versions(place)
            self.assertEqual([version.size for version in next(filter(None, pages))], [3])
            with self.assertRaisesRegex(Busy, "the server's disk for d/disk is not mounted"):
                next(pages)
        for place, hidden in (
            (parse("d/file"), NO_FOLDERS),
            (ROOT, FolderSet(frozenset({("d", "disk")}))),
            (parse("e"), NO_FOLDERS),
        ):
            list(store.versions(place, hidden))
        self.lay("d/disk/.homeftp/confirmed")
        self.assertEqual(len(list(filter(None, store.versions(ROOT)))), 1, "the control")
