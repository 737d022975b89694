"""What the folders of a server hold."""

from __future__ import annotations

import os
from typing import AsyncIterator
from unittest import mock

from homeftp.client.manage.usage import FolderUsage, folder_usage
from homeftp.errors import NotFound
from homeftp.model import Entry, ListingPage
from tests.support.transfers import TransferCase


class UsageTests(TransferCase):
    """folder_usage."""

    def usage(self, path: str) -> list[tuple[str, int, int, int]]:
        """What it gives, as tuples; what is skipped goes to `skipped`."""
        self.skipped: list[str] = []

        async def collect() -> list[FolderUsage]:
            found = folder_usage(self.client, path, on_skipped=lambda name, reason: self.skipped.append(name))
            return [each async for each in found]

        return [(each.name, each.size, each.files, each.folders) for each in self.run_work(collect())]

    def test_sums(self) -> None:
        """Each folder counts what is below it, and follows the folders in it; the path itself is last."""
        for name in ("lib/a", "lib/x/b", "lib/x/y/c", "lib/x-1", "lib/z/d", "other"):
            self.make_remote_file(name)
        os.mkdir(os.path.join(self.server.root, "lib", "empty"))
        os.symlink("a", os.path.join(self.server.root, "lib", "link"))
        expected = [("empty", 0, 0, 0), ("x/y", 7, 1, 0), ("x", 14, 2, 1), ("z", 7, 1, 0), ("", 35, 5, 4)]
        self.assertEqual(sorted(self.usage("lib")), sorted(expected))
        found = [name for name, *_ in self.usage("/lib/")]
        self.assertLess(found.index("x/y"), found.index("x"))
        self.assertEqual((found[-1], self.skipped), ("", ["link"]))
        self.assertEqual(self.usage("")[-1], ("", 42, 6, 5))

    def test_file(self) -> None:
        """A file is itself; what does not exist is refused."""
        self.make_remote_file("a")
        self.assertEqual(self.usage("a"), [("", 7, 1, 0)])
        with self.assertRaises(NotFound):
            self.usage("none")

    def test_disorder(self) -> None:
        """A server that lists in another order than the protocol's changes no total."""
        self.make_remote_file("lib/a")
        files = [Entry(name, "file", 1) for name in ("b/c/1", "a", "b/2", "z/3")]
        folders = [Entry(name, "directory") for name in ("b", "b/c", "z")]

        async def listing(endpoint: str, *, recursive: bool) -> AsyncIterator[ListingPage]:
            yield ListingPage(tuple(folders + files), ())

        with mock.patch.object(self.client, "list", listing):
            self.assertEqual(self.usage("lib")[-1], ("", 4, 4, 3))
