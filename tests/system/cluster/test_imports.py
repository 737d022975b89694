"""A folder with versions is imported whole, also where the import is killed at any step and run again, and exported.

With `HOMEFTP_TESTS_LONG=1` the large folder has 100,000 files.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Iterator
from unittest import mock

from homeftp.config import HOUR, Retention
from homeftp.endpoint import ROOT, parse
from homeftp.history.timeline import Timeline
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import Actor
from homeftp.store import importing
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.upkeep import garbage
from homeftp.store.cluster.upkeep.ownership import expect_own
from homeftp.store.factory import open_store
from homeftp.store.importing import finish_directories, import_store
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from tests.support.clustercase import ClusterCase, request
from tests.support.killing import Killed, killing
from tests.support.needs import LONG

GRACE = 2 * HOUR

FILES = 100_000 if LONG else 1200

_TOGETHER = 400


def held(store: IStore) -> Iterator[Timeline]:
    """What a store holds and held, but for its root."""
    history = store.history()
    assert history is not None
    for page in history.timelines(ROOT):
        yield from (each for each in page if each.name)


def known(store: IStore) -> Iterator[tuple[object, ...]]:
    """The same, as far as an import keeps it."""
    for each in held(store):
        kept = tuple((one.at_us, one.size, one.mtime_us, one.mode) for one in each.versions)
        now = each.current
        yield each.name, kept, now and (now.kind, now.size, now.mtime_us, now.mode)


def contents(store: IStore) -> Iterator[bytes]:
    """The contents of all versions and files, in the order of `held`."""
    history = store.history()
    assert history is not None
    for each in held(store):
        endpoint = parse(each.name)
        for version in each.versions:
            with contextlib.closing(history.open_version(endpoint, version.at_us)) as file:
                yield file.read(0, version.size)
        if each.current is not None and each.current.kind == "file":
            with contextlib.closing(store.open(endpoint)) as file:
                yield file.read(0, each.current.size)


class ImportKillTests(ClusterCase):
    """Parts of 100 bytes: a file has several, and a pack is soon full."""

    cluster_options = {"grace_seconds": GRACE, "part_bytes": 100, "connections": 2}  # noqa: RUF012 (read only)

    def source(self) -> MemoryStore:
        """Files with versions, some of them large, and one that is gone."""
        store = MemoryStore()
        for number, size in enumerate((30, 250, 0, 90)):
            for path in ("a", "d/b", "d/e/c"):
                content = bytes([number]) * size
                store.write_many([(request(path, size=size, mtime_us=number, mode=0o640), content)])
        list(store.remove(parse("d/b"), None, False))
        return store

    def test_killed(self) -> None:
        """Run again, it ends right, whenever it was killed; what was written in vain is collected."""
        source = self.source()
        few = mock.patch.object(importing, "BATCH_ITEMS", 5)
        few.start()
        self.addCleanup(few.stop)
        for at in itertools.count(1):
            self.cluster = type(self.cluster)(url=self.cluster.url, **self.cluster_options)
            self.context = self.server()
            expect_own(self.context.database, self.context.bucket, anew=True)  # what earlier rounds stored is elsewhere
            self.store = ClusterStore(self.context)
            with killing(at) as killer, contextlib.suppress(Killed):
                list(import_store(source, self.store))
            for _ in range(2):
                failures = [each for step in import_store(source, self.store) for each in step.failures]
                self.assertEqual(failures, [])
            self.assertEqual(list(known(self.store)), list(known(source)))
            self.assertEqual(list(contents(self.store)), list(contents(source)))
            self.assert_sound()
            garbage.find_orphans(self.context)
            self.later(GRACE + 1)
            garbage.collect(self.context)
            named = {str(name) for (name,) in self.cluster.execute("SELECT DISTINCT object FROM part")}
            self.assertEqual(self.objects() - named, set())
            self.context.database.close()  # the rounds together would need more connections than a server has
            if killer.calls < at:
                break
        self.assertGreater(at, 8)


class LargeImportTests(ClusterCase):
    """A folder on the disk."""

    def test_large(self) -> None:
        """Many files with versions, all of them; a second time nothing is read."""
        folder, state = self.mktemp(), self.mktemp()
        for each in (folder, state):
            os.mkdir(each, 0o700)
        with contextlib.closing(
            open_store(folder, StoreOptions(state_dir=state, retention=Retention(percent=50)))
        ) as source:
            for content in (b"first", b"second"):
                for start in range(0, FILES, _TOGETHER):
                    paths = [f"{number // 1000}/{number}" for number in range(start, min(FILES, start + _TOGETHER))]
                    asked = [(request(path, size=len(content), mtime_us=7_000_000), content) for path in paths]
                    self.assertFalse([each for each in source.write_many(asked) if isinstance(each, Exception)])
            target = self.store.bind(Actor(request="import"))
            steps = list(import_store(source, target))
            self.assertEqual((sum(each.files for each in steps), sum(each.versions for each in steps)), (FILES, FILES))
            folders = sum(each.directories for each in steps)
            self.assertFalse([each.failures for each in steps if each.failures])
            for one, other in zip(known(source), known(self.store), strict=True):
                self.assertEqual(one, other)
            self.assertLessEqual(len(self.objects()), 2 * FILES // 500 + 2)
            self.assertEqual(sum(each.there for each in import_store(source, target)), 2 * FILES + folders)
            self.assert_sound()
            self.assert_exported(source)

    def assert_exported(self, source: IStore) -> None:
        """What is exported is what was imported: names, times, modes, versions, and contents."""
        folder, state = self.mktemp(), self.mktemp()
        for each in (folder, state):
            os.mkdir(each, 0o700)
        options = StoreOptions(state_dir=state, retention=Retention(percent=100))
        with contextlib.closing(open_store(folder, options)) as exported:
            assert isinstance(exported, LocalStore)
            steps = list(import_store(self.store, exported))
            self.assertFalse([each.failures for each in steps if each.failures])
            self.assertEqual((sum(each.files for each in steps), sum(each.versions for each in steps)), (FILES, FILES))
            self.assertEqual(list(finish_directories(self.store, exported)), [])
            for one, other in zip(known(source), known(exported), strict=True):
                self.assertEqual(one, other)
            for before, after in zip(contents(source), contents(exported), strict=True):
                self.assertEqual(before, after)
