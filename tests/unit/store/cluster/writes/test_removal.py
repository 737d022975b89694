"""A directory is gone at once; its versions are made in steps, by any server, and are there for all who ask."""

from __future__ import annotations

import itertools
from typing import Any
from unittest import mock

from homeftp.cluster.database import Database
from homeftp.config import Retention
from homeftp.endpoint import ROOT, FolderSet, parse
from homeftp.errors import Busy, NotFound
from homeftp.interfaces.store import StoreOptions
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.writes import removal
from tests.support.clustercase import ClusterCase

FILES = [f"d/{folder}/{number:03}.txt" for folder in ("a", "b/c") for number in range(removal.STEP // 2 + 50)]


class RemovalTests(ClusterCase):
    """More files than one step takes."""

    def setUp(self) -> None:
        """Write them."""
        super().setUp()
        self.write(*FILES)

    def removed_by_a_killed_server(self) -> None:
        """The directory is removed, and the server ends after the first step."""
        steps = self.store.remove(parse("d"), None, True)
        self.assertGreater(next(steps), 0)
        steps.close()
        self.assertEqual(self.names(), [])
        self.assertEqual(len(self.cluster.execute("SELECT 1 FROM removed")), 1)

    def test_step_fails(self) -> None:
        """Where the database fails after the directory was removed, that is no refusal: it is removed."""
        whole, calls = Database.transact, itertools.count()

        def fails_later(*arguments: Any, **options: Any) -> Any:
            if next(calls):
                raise Busy("the server's database does not answer at the moment")
            return whole(*arguments, **options)

        with mock.patch.object(Database, "transact", fails_later):
            self.assertEqual(list(self.store.remove(parse("d"), None, True)), [])
        self.assertEqual(self.names(), [])
        self.assertEqual(len(self.kept()), len(FILES), "the rest is made by who comes next")
        with mock.patch.object(Database, "transact", side_effect=Busy("")):
            self.assertRaises(Busy, list, self.store.remove(parse("e"), None, True))

    def test_finished_by_upkeep(self) -> None:
        """What a server leaves undone another one does in its upkeep."""
        self.removed_by_a_killed_server()
        ClusterStore(self.server()).maintain()
        self.assertEqual(self.cluster.execute("SELECT count(*) FROM removed"), [(0,)])
        self.assertEqual([version.name for version in self.kept()], FILES)
        self.assertEqual(len({version.at_us for version in self.kept()}), 1)
        self.assert_sound()

    def test_seen_meanwhile(self) -> None:
        """Who asks for versions, or puts one back, finds all of them, though they were not made yet."""
        self.removed_by_a_killed_server()
        other = ClusterStore(self.server())
        other.restore(parse(FILES[-1]), None, None)
        self.assertEqual(self.content(FILES[-1]), b"content")
        self.assertEqual(len(self.kept("d/a")), len(FILES) // 2)
        self.assert_sound()

    def test_hidden(self) -> None:
        """Nobody finishes what was removed in a folder that is hidden from them: the time would tell of it."""
        self.removed_by_a_killed_server()
        hidden = FolderSet(frozenset({("d",)}))
        history = self.store.history()
        assert history is not None
        for pages in (self.store.versions(ROOT, hidden), history.timelines(ROOT, hidden=hidden)):
            self.assertLess(sum(map(len, pages)), 2)
            self.assertEqual(self.cluster.execute("SELECT count(*) FROM removed"), [(1,)])
        self.assertEqual(list(self.store.verify(ROOT, 0, hidden)), [])
        self.assertEqual(self.cluster.execute("SELECT count(*) FROM removed"), [(1,)])
        self.assertEqual(len(self.kept()), len(FILES), "the control")

    def test_made_again(self) -> None:
        """The path is free at once: what is put there is another directory, and keeps its own versions."""
        self.removed_by_a_killed_server()
        self.write("d/a/000.txt", content=b"new")
        self.write("d/a/000.txt", content=b"newer")
        self.store.maintain()
        self.assertEqual(self.names(), ["d", "d/a", "d/a/000.txt"])
        self.assertEqual([version.size for version in self.kept("d/a/000.txt")], [3, 7])
        self.assert_sound()

    def test_without_versions(self) -> None:
        """Where none are kept the contents are dropped."""
        self.store = ClusterStore(self.server(StoreOptions(retention=Retention(seconds=0))))
        self.assertEqual(sum(self.store.remove(parse("d"), None, True)), len(FILES) + 4)
        query = "SELECT count(*) FROM part WHERE object = ANY(%s)"
        self.assertEqual(self.cluster.execute(query, list(self.objects())), [(0,)])
        self.assertRaises(NotFound, self.store.restore, parse(FILES[0]), None, None)
        self.assert_sound()
