"""A folder takes what another store holds, with its times, and nothing that is there is changed for it."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from homeftp.config import MIB, Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, ContentMismatch, Damaged, Forbidden
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.importing import Imported
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.model import Actor
from homeftp.store.importing import finish_directories, import_store
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from tests.support.clustercase import request
from tests.support.storecases import VersionsCase
from tests.support.stores import content_of

DAY_US = 86_400_000_000


def _refuse(error: Exception) -> IOpenFile:
    raise error


def item(path: str, content: bytes = b"content", **fields: Any) -> Imported:
    """A file, or a version with `at_us`."""
    source = MemoryStore()
    source.write_many([(request(path, size=len(content)), content)])
    given = {"size": len(content), "mtime_us": 5_000_000, "mode": 0o640, "hash": hash_bytes(content)}
    return Imported(**{"endpoint": parse(path), "open": partial(source.open, parse(path)), **given, **fields})


class LocalImportingTests(VersionsCase):
    """An empty folder, and items from a store in memory."""

    def add(self, store: LocalStore, *items: Imported) -> list[Any]:
        """The results; of a refusal its class."""
        results = store.add_many(items)
        return [type(each) if isinstance(each, Exception) else each for each in results]

    def test_added(self) -> None:
        """A directory, files and versions have the content, the mode, and each time that they had."""
        store = self.store()
        large = bytes(range(256)) * 4097
        items = [
            Imported(endpoint=parse("d"), kind="directory", mtime_us=7_000_000, mode=0o550),
            item("d/a.txt", b"1", at_us=DAY_US + 1),
            item("d/a.txt", b"", at_us=DAY_US + 2),
            item("d/a.txt", b"3"),
            item("d/large.bin", large),
            item("d/gone/b.txt", large, at_us=3 * DAY_US, mode=0o600),
        ]
        self.assertEqual(self.add(store, *items), [True] * 6)
        entry = store.stat(parse("d/a.txt"))
        assert entry is not None
        self.assertEqual((entry.mtime_us, entry.mode, entry.hash), (5_000_000, 0o640, hash_bytes(b"3")))
        self.assertEqual((content_of(store, "d/a.txt"), content_of(store, "d/large.bin")), (b"3", large))
        found = [
            (each.name, each.at_us, each.size, each.mtime_us, each.mode, each.hash) for each in self.versions(store)
        ]
        expected = [
            ("d/a.txt", DAY_US + 1, 1, 5_000_000, 0o640, hash_bytes(b"1")),
            ("d/a.txt", DAY_US + 2, 0, 5_000_000, 0o640, hash_bytes(b"")),
            ("d/gone/b.txt", 3 * DAY_US, len(large), 5_000_000, 0o600, hash_bytes(large)),
        ]
        self.assertEqual(sorted(found), expected)
        self.assertEqual(self.contents(), sorted([b"1", b"", large]))
        self.assertEqual(self.left(), [])
        self.assertTrue(os.stat(self.path("d")).st_mode & 0o200, "whoever adds it can add what it holds")

    def test_again(self) -> None:
        """What is there already is left alone, also where the hashes of it are not known any more."""
        items = [
            Imported(endpoint=parse("d"), kind="directory", mtime_us=7_000_000, mode=0o750),
            item("d/a", b"old", at_us=100),
            item("d/a", b"new"),
        ]
        store = self.store()
        self.assertEqual(self.add(store, *items), [True] * 3)
        store.close()
        before = [os.stat(self.path(name)) for name in ("d", "d/a")]
        os.unlink(self.cache_path)
        store = self.store()
        self.assertEqual(self.add(store, *items), [False] * 3)
        self.assertEqual([os.stat(self.path(name)) for name in ("d", "d/a")], before)
        self.assertEqual(len(self.archived()), 1)

    def test_occupied(self) -> None:
        """What differs from what is there is refused, in any of its fields, and nothing is changed."""
        store = self.store()
        self.add(store, item("file"), item("v", b"old", at_us=100))
        before = os.stat(self.path("file")), self.archived()
        others = [
            item("file", b"CONTENT"),
            item("file", b"longer content"),
            item("file", mtime_us=6_000_000),
            item("file", mode=0o600),
            Imported(endpoint=parse("file"), kind="directory"),
            item("v", b"OLD", at_us=100),
        ]
        self.assertEqual(self.add(store, *others), [Changed] * 6)
        self.assertEqual((os.stat(self.path("file")), self.archived()), before)
        self.assertEqual(self.add(store, item("file"), item("v", b"old", at_us=100)), [False, False])

    def test_others(self) -> None:
        """Of many items only those that cannot be added are refused, each with its reason; nothing is left of them."""
        large = bytes(2 * MIB)
        store = self.store()
        results = self.add(
            store,
            item("a", b"a"),
            item("damaged", open=partial(_refuse, Damaged("damaged"))),
            item("damaged", open=partial(_refuse, Damaged("damaged")), at_us=100),
            item("changed", b"x", hash=hash_bytes(b"y")),
            item("changed", b"x", hash=hash_bytes(b"y"), at_us=100),
            item("large", large, hash=hash_bytes(b"y")),
            item("large", large, open=partial(_refuse, Busy("the disk is not there"))),
            item("c", b"c", at_us=100),
        )
        self.assertEqual(
            results, [True, Damaged, Damaged, ContentMismatch, ContentMismatch, ContentMismatch, Busy, True]
        )
        self.assertEqual((sorted(os.listdir(self.root)), self.contents()), ([".homeftp", "a"], [b"c"]))
        self.assertEqual(self.left(), [])

    def test_without_versions(self) -> None:
        """A folder that keeps none is refused before anything is written."""
        store = self.store(retention=Retention(seconds=0))
        self.assertRaises(Forbidden, store.add_many, [item("a")])
        self.assertEqual(os.listdir(self.root), [".homeftp"])

    def test_whole_store(self) -> None:
        """A store is taken in whole; directories get their modes and times at the end, each time that it is run."""
        source = MemoryStore()
        made = [request("d", mtime_us=1_000_000, mode=0o750), request("d/e", mtime_us=2_000_000, mode=0o700)]
        source.write_many([(each, None) for each in made])
        for content in (b"1", b"22"):
            source.write_many([(request("d/e/a", size=len(content), mtime_us=3_000_000, mode=0o640), content)])
        for each in made:
            source.set_metadata(each.endpoint, mtime_us=each.mtime_us, mode=each.mode, precondition=None)
        target = self.store().bind(Actor(request="export"))
        for files in (1, 0):
            steps = list(import_store(source, target))
            self.assertEqual(sum(each.files for each in steps), files)
            self.assertEqual([each for step in steps for each in step.failures], [])
            self.assertEqual(list(finish_directories(source, target)), [])
            found = [
                (os.stat(self.path(name)).st_mtime, oct(os.stat(self.path(name)).st_mode)) for name in ("d", "d/e")
            ]
            self.assertEqual(found, [(1.0, "0o40750"), (2.0, "0o40700")])
            os.utime(self.path("d"))
