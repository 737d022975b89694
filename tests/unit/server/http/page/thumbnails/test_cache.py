"""Thumbnails that are kept."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import DAY, KIB, MIB
from homeftp.server.http.page.thumbnails.cache import FILE, ThumbnailCache, thumbnail_key
from tests.support.folders import quick_temp_dir


class CacheTests(SynchronousTestCase):
    """`ThumbnailCache`."""

    def setUp(self) -> None:
        self.folder = quick_temp_dir()
        self.now = 1000.0

    def cache(self, most_bytes: int = MIB) -> ThumbnailCache:
        made = ThumbnailCache(self.folder, most_bytes, lambda: self.now)
        self.addCleanup(made.close)
        return made

    def test_kept(self) -> None:
        """What is kept is found, also after a restart; so is that a picture has none."""
        cache = self.cache()
        self.assertIsNone(cache.find(b"1"))
        cache.keep(b"1", b"small")
        cache.keep(b"2", b"")
        cache.close()
        cache.close()
        again = self.cache()
        self.assertEqual((again.find(b"1"), again.find(b"2"), again.find(b"3")), (b"small", b"", None))
        self.assertEqual(os.stat(os.path.join(self.folder, FILE)).st_mode & 0o777, 0o600)

    def test_keys(self) -> None:
        """Each account, content and size has a key of its own."""
        keys = {thumbnail_key(*each) for each in (("ann", "h", 1), ("bob", "h", 1), ("ann", "i", 1), ("ann", "h", 2))}
        self.assertEqual(len(keys), 4)
        self.assertEqual(thumbnail_key("ann", "h", 1), thumbnail_key("ann", "h", 1))

    def test_bound(self) -> None:
        """The database does not grow beyond its bound: those go that were not used for longest."""
        cache = self.cache(most_bytes=256 * KIB)
        for number in range(200):
            self.now += DAY
            cache.find(b"0")
            cache.keep(str(number).encode(), os.urandom(5000))
        there = [number for number in range(200) if cache.find(str(number).encode()) is not None]
        self.assertEqual(there[0], 0, "it was used all the time")
        self.assertEqual(there[1:], list(range(200 - len(there) + 1, 200)))
        self.assertGreater(len(there), 20)
        self.assertLess(os.path.getsize(os.path.join(self.folder, FILE)), 512 * KIB)
