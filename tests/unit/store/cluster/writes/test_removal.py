"""A directory is gone at once; its versions are made in steps, by any server, and are there for all who ask."""

from __future__ import annotations

import itertools
from typing import Any
from unittest import mock

from homeftp.cluster.database import Database
from homeftp.config import DAY, Retention
from homeftp.endpoint import ROOT, FolderSet, parse
from homeftp.errors import Busy, NotFound
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.changes import VersionId
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SECOND_US, SERVER
from homeftp.store.cluster.history import ClusterHistory
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import contents
from homeftp.store.cluster.writes import removal
from tests.support.clustercase import ClusterCase

FILES = [f"d/{folder}/{number:03}.txt" for folder in ("a", "b/c") for number in range(removal.STEP // 2 + 50)]


MORE = [f"d/b/d/{number:03}.txt" for number in range(removal.STEP + 50)]
"""Files that the first step leaves."""


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

    def test_step_by_step(self) -> None:
        """Who asks for versions does one step at a time: none takes longer because more was removed."""
        for ask in (self.store.versions, self.history().timelines, self.store.verify):
            self.write(*FILES, *MORE)
            self.removed_by_a_killed_server()
            left = self.left()
            steps = iter(ask(ROOT))
            while left:
                next(steps)
                self.assertLessEqual(left - self.left(), 2 * removal.STEP - 1)
                left = self.left()
            self.assertGreater(len(list(steps)), 0)
        self.assert_sound()

    def test_one_of_many(self) -> None:
        """Who wants one version makes that one, and waits for no others; what was put in its place since is left."""
        self.write(*MORE)
        self.removed_by_a_killed_server()
        (at_us,) = {at for (at,) in self.cluster.execute("SELECT at_us FROM removed")}
        left = self.left()
        opened = self.history().open_version(parse(MORE[-1]), int(str(at_us)))
        self.assertEqual((opened.read(0, 9), self.left()), (b"content", left - 1))
        self.write(MORE[-2], content=b"new")
        self.store.restore(parse(MORE[-2]), None, None)
        self.assertEqual((self.content(MORE[-2]), self.left()), (b"content", left - 2))
        self.assertEqual(
            self.history().remove_versions([VersionId(parse(MORE[-3]), int(str(at_us)))]), [len(b"content")]
        )
        self.assertEqual(self.left(), left - 3)
        for path in ("d", "d/b", "d/b/d", "d/none.txt", "d/b/d/none/x.txt", "e"):
            self.assertRaises(NotFound, self.store.restore, parse(path), None, None)
        self.assertEqual(self.left(), left - 3)
        self.assert_sound()
        self.assertEqual(
            len(self.kept()), len(FILES) + len(MORE) - 1, "one was discarded, and one is there with one version"
        )

    def left(self) -> int:
        """Files that are in removed directories, and no versions yet."""
        ((found,),) = self.cluster.execute("SELECT count(*) FROM node WHERE NOT directory")
        return int(str(found)) - len([name for name in self.names() if name.endswith(".txt")])

    def history(self) -> ClusterHistory:
        """The history of the store."""
        return ClusterHistory(self.context, SERVER)

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

    def past(self, path: str, *times: int) -> list[str | None]:
        """The hashes of a path at some times."""
        (timeline,) = [each for page in self.history().timelines(parse(path)) for each in page]
        found = [timeline.at(each) for each in times]
        return [None if each is None else each.hash for each in found]

    def test_replaced_meanwhile(self) -> None:
        """A file made anew and replaced before the removal is finished is the newest version, and the past is right."""
        path = MORE[-1]
        self.write(*MORE)
        self.removed_by_a_killed_server()
        between_us = contents.now_us(self.context.database)
        self.write(path, content=b"new")
        new_us = contents.now_us(self.context.database)
        self.write(path, content=b"newer")
        self.assertEqual(self.past(path, between_us, new_us), [None, hash_bytes(b"new")])
        self.assertEqual([version.size for version in self.kept(path)], [3, 7])
        self.assertEqual(len({version.at_us for version in self.kept() if version.size == 7}), 1)
        self.store.restore(parse(path), None, None)
        self.assertEqual(self.content(path), b"new")
        self.assert_sound()

    def test_removed_twice(self) -> None:
        """Of two removals of a path the one that is finished first may be the later one."""
        self.write(*MORE)
        self.removed_by_a_killed_server()
        self.write(MORE[-1], content=b"new")
        self.assertEqual(sum(self.store.remove(parse("d"), None, True)), 4)
        self.assertEqual([version.size for version in self.kept(MORE[-1])], [3, 7])
        self.assert_sound()

    def test_clock_set_back(self) -> None:
        """Versions are in the order in which they were made, though the database's clock was set back between them."""
        path, day_us = MORE[-1], int(DAY * SECOND_US)
        self.write(*MORE)
        self.write(path, content=b"second")
        self.cluster.execute("UPDATE version SET at_us = at_us + %s", day_us)
        self.removed_by_a_killed_server()
        query = "SELECT (SELECT max(at_us) FROM version) - min(at_us) FROM removed"
        self.assertEqual(self.cluster.execute(query), [(0,)], "it was later than the last version before it")
        self.write(path, content=b"the third")
        self.cluster.execute("UPDATE removed SET at_us = at_us + %s", day_us)
        self.write(path, content=b"fourth, and last")
        self.assertEqual(sum(self.store.remove(parse("d"), None, True)), 4)
        self.assertEqual([version.size for version in self.kept(path)], [16, 9, 6, 7])
        self.assert_sound()

    def test_without_versions(self) -> None:
        """Where none are kept the contents are dropped."""
        self.store = ClusterStore(self.server(StoreOptions(retention=Retention(seconds=0))))
        self.assertEqual(sum(self.store.remove(parse("d"), None, True)), len(FILES) + 4)
        query = "SELECT count(*) FROM part WHERE object = ANY(%s)"
        self.assertEqual(self.cluster.execute(query, list(self.objects())), [(0,)])
        self.assertRaises(NotFound, self.store.restore, parse(FILES[0]), None, None)
        self.assert_sound()
