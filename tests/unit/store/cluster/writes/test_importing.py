"""What another store holds gets into a share with all of its times, and nothing that is there is changed for it."""

from __future__ import annotations

from functools import partial
from typing import Any

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, ContentMismatch, Damaged, NotFound
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.importing import Imported
from homeftp.interfaces.store import StoreOptions
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.model import Actor, Change
from homeftp.store.cluster.history import ClusterHistory
from homeftp.store.cluster.writes.importing import add_many
from homeftp.store.memory import MemoryStore
from tests.support.clustercase import ClusterCase, request

_IMPORT = Actor(request="import")


def _refuse(error: Exception) -> IOpenFile:
    raise error


class ImportingTests(ClusterCase):
    """Items from a store in memory; parts have at most 1,000 bytes."""

    cluster_options = {"part_bytes": 1000}  # noqa: RUF012 (read only)

    def item(self, path: str, content: bytes = b"content", **fields: Any) -> Imported:
        """A file, or a version with `at_us`."""
        source = MemoryStore()
        source.write_many([(request(path, size=len(content)), content)])
        given = {"size": len(content), "mtime_us": 5, "mode": 0o640, "hash": hash_bytes(content), "made_us": 3}
        opened = partial(source.open, parse(path))
        return Imported(**{"endpoint": parse(path), "open": opened, **given, **fields})

    def add(self, *items: Imported) -> list[Any]:
        """The results; of a refusal its class."""
        results = add_many(self.context, items, _IMPORT)
        return [type(each) if isinstance(each, Exception) else each for each in results]

    def test_added(self) -> None:
        """A directory, a file and its versions have the content, the mode, and each time that they had."""
        items = [
            Imported(endpoint=parse("d"), kind="directory", mtime_us=7, mode=0o750, made_us=2),
            self.item("d/a.txt", b"1" * 700, at_us=100),
            self.item("d/a.txt", b"2" * 2500, at_us=101),
            self.item("d/a.txt", b"", at_us=102),
            self.item("d/a.txt", b"3" * 700),
        ]
        self.assertEqual(self.add(*items), [True] * 5)
        directory, file = self.store.stat(parse("d")), self.store.stat(parse("d/a.txt"))
        assert directory is not None and file is not None
        self.assertEqual((directory.mtime_us, directory.mode), (7, 0o750))
        self.assertEqual((file.mtime_us, file.mode, file.hash), (5, 0o640, hash_bytes(b"3" * 700)))
        self.assertEqual(self.content("d/a.txt"), b"3" * 700)
        history = ClusterHistory(self.context, self.store.actor)
        kept = self.kept()
        self.assertEqual(
            [(each.at_us, each.mtime_us, each.mode) for each in kept], [(at, 5, 0o640) for at in (102, 101, 100)]
        )
        found = [history.open_version(parse("d/a.txt"), each.at_us).read(0, MIB) for each in kept]
        self.assertEqual(found, [b"", b"2" * 2500, b"1" * 700])
        (page,) = history.timelines(parse("d/a.txt"))
        self.assertEqual((page[0].made_us, [each.made_us for each in page[0].versions]), (3, [3, 3, 3]))
        self.assert_sound()

    def test_recorded(self) -> None:
        """The changes are recorded as those of the import: what is there now, and no version."""
        recorded: list[Change] = []
        self.context.log.close()
        context = self.server(StoreOptions(record_changes=recorded.extend))
        add_many(context, [self.item("a", at_us=9), self.item("a")], _IMPORT)
        self.assertEqual([(each.what, each.endpoint.whole, each.actor) for each in recorded], [("add", "a", _IMPORT)])

    def test_again(self) -> None:
        """What is there already is left alone, whether its hash is told or has to be found; nothing is written."""
        items = [
            Imported(endpoint=parse("d"), kind="directory", mtime_us=7, mode=0o750),
            self.item("d/a", b"old", at_us=100),
            self.item("d/a", b"new"),
            self.item("d/b", b"unknown", hash=None),
        ]
        self.assertEqual(self.add(*items), [True] * 4)
        before = self.objects(), self.store.stat(parse("d/a"))
        self.assertEqual(self.add(*items), [False] * 4)
        self.assertEqual((self.objects(), self.store.stat(parse("d/a"))), before)

    def test_occupied(self) -> None:
        """What differs from what is there is refused, in any of its fields, and nothing is changed."""
        self.write("file", mtime_us=5, mode=0o640)
        self.add(self.item("v", b"old", at_us=100))
        before = self.store.stat(parse("file"))
        others = [
            self.item("file", b"CONTENT"),
            self.item("file", b"CONTENT", hash=None),
            self.item("file", b"longer content"),
            self.item("file", mtime_us=6),
            self.item("file", mode=0o600),
            Imported(endpoint=parse("file"), kind="directory"),
            self.item("v", b"OLD", at_us=100),
        ]
        self.assertEqual(self.add(*others), [Changed] * 7)
        self.assertEqual(self.store.stat(parse("file")), before)
        self.assertEqual(self.add(self.item("file"), self.item("v", b"old", at_us=100)), [False, False])

    def test_others(self) -> None:
        """Of many items only those that cannot be added are refused, each with its reason; the others are right."""
        results = self.add(
            self.item("a", b"a" * 300),
            self.item("damaged", open=partial(_refuse, Damaged("damaged"))),
            self.item("changed", b"x" * 300, hash=hash_bytes(b"y" * 300)),
            self.item("short", b"x" * 300, size=301),
            self.item("busy", open=partial(_refuse, Busy("the disk is not there"))),
            self.item("gone/b"),
            self.item("a/b"),
            self.item("c", b"c" * 300),
        )
        self.assertEqual(results, [True, Damaged, ContentMismatch, ContentMismatch, Busy, NotFound, NotFound, True])
        self.assertEqual((self.names(), self.content("a"), self.content("c")), (["a", "c"], b"a" * 300, b"c" * 300))
        self.assert_sound()

    def test_similar(self) -> None:
        """Names that only a store with similar names has are all added."""
        self.assertEqual(self.add(self.item("a.txt"), self.item("A.txt")), [True, True])
        self.assertEqual(self.names(), ["A.txt", "a.txt"])

    def test_unknown(self) -> None:
        """What the other store does not know is found, or is as if it had always been there."""
        item = self.item("a", mtime_us=None, mode=None, hash=None, made_us=None)
        self.assertEqual(self.add(item), [True])
        entry = self.store.stat(parse("a"))
        assert entry is not None
        self.assertEqual((entry.mode, entry.hash), (0o644, hash_bytes(b"content")))
        (page,) = ClusterHistory(self.context, self.store.actor).timelines(parse("a"))
        self.assertIsNotNone(page[0].at(1))
        self.assertEqual(self.add(item), [False])
