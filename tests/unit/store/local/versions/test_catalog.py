"""The catalog: versions are found by endpoint, with their hashes, and are protected while they are open."""

from __future__ import annotations

import os

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.model import SERVER
from homeftp.store.local.versions.retention import EvictionScope
from tests.support.storecases import VersionsCase
from tests.support.stores import sha


class CatalogTests(VersionsCase):
    """The versions of some files."""

    def setUp(self) -> None:
        """Make three versions of one file, and one of another."""
        super().setUp()
        self.served = self.store(retention=Retention(percent=None, size=10**6))
        for content in (b"one", b"two", b"three", b"four"):
            precondition = sha(self.content("d/a")) if os.path.exists(self.path("d/a")) else None
            self.put(self.served, "d/a", content, precondition=precondition)
        self.put(self.served, "d/b", b"old")
        self.put(self.served, "d/b", b"new")
        self.archive = self.served._writable.archive
        self.catalog = self.served._writable.history.catalog

    def test_find(self) -> None:
        """Those of a file, newest first, and with `below` those of all files in a directory."""
        found = [version.hash for version in self.catalog.find(parse("d/a"), below=False)]
        self.assertEqual(found, [sha(b"three"), sha(b"two"), sha(b"one")])
        self.assertEqual(len(list(self.catalog.find(parse("d"), below=True))), 4)
        self.assertEqual(list(self.catalog.find(parse("d"), below=False)), [])
        self.assertEqual(list(self.catalog.find(parse("none/none"), below=True)), [])

    def test_directory_is_gone(self) -> None:
        """Versions are found even if the directory of their file was removed, or is a file now."""
        list(self.served.remove(parse("d"), None, True))
        self.assertEqual(len(list(self.catalog.find(parse("d/a"), below=False))), 4)
        self.put(self.served, "d", b"a file")
        self.assertEqual(len(list(self.catalog.find(parse("d/a"), below=False))), 4)

    def test_open(self) -> None:
        """One is opened by its time, or the newest; another time is not found."""
        versions = list(self.catalog.find(parse("d/a"), below=False))
        with self.catalog.open(parse("d/a"), None) as version:
            self.assertEqual(version.at_us, versions[0].at_us)
        with self.catalog.open(parse("d/a"), versions[2].at_us) as version:
            self.assertEqual(os.stat(version.file, dir_fd=version.folder).st_size, len(b"one"))
        for endpoint, at_us in ((parse("d/a"), 1), (parse("d/none"), None)):
            with self.assertRaises(NotFound), self.catalog.open(endpoint, at_us):
                pass

    def test_pinned(self) -> None:
        """An open version is not evicted; it is once it is closed."""
        (oldest,) = list(self.catalog.find(parse("d/a"), below=False))[2:]
        with self.catalog.open(parse("d/a"), oldest.at_us):
            self.archive.evict(SERVER, EvictionScope(any_age=True), 10**9)
            self.assertEqual(self.contents(), [b"one"])
        self.archive.evict(SERVER, EvictionScope(any_age=True), 10**9)
        self.assertEqual(self.contents(), [])
