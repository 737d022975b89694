"""Timelines of a local store: each name once, in order, with its versions, whatever the size of a directory."""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from typing import Iterator
from unittest import mock

from msgspec import structs

from homeftp.config import LISTING_PAGE, Retention
from homeftp.endpoint import MAX_NAME_BYTES, NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import Busy
from homeftp.history.timeline import Restoration, Timeline
from homeftp.interfaces import IHistory
from homeftp.store.local.disk import sortednames
from homeftp.store.local.disk.sortednames import NameBudget
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.pages import STEP_ITEMS
from tests.support.births import BirthSystem
from tests.support.storecases import VersionsCase

DAY = ".homeftp/versions/2025-11-26"
NOON_US = 1_764_158_400_000_000
"""2025-11-26 12:00 UTC."""


class TimelineCase(VersionsCase):
    """A store whose timelines are looked at."""

    def history(self, store: LocalStore) -> IHistory:
        """Its history."""
        history = store.history()
        assert history is not None, "it keeps versions"
        return history

    def timelines(
        self,
        store: LocalStore,
        name: str = "",
        since_us: int = 0,
        depth: int | None = None,
        hidden: FolderSet = NO_FOLDERS,
    ) -> list[Timeline]:
        """All timelines of an endpoint."""
        pages = self.history(store).timelines(parse(name), since_us, depth=depth, hidden=hidden)
        return [each for page in pages for each in page]

    def named(self, store: LocalStore, *args: object, **kwargs: object) -> list[str]:
        """Their names."""
        return [each.name for each in self.timelines(store, *args, **kwargs)]  # type: ignore[arg-type]

    def lay_version(self, path: str, second: int = 0, content: bytes = b"old") -> int:
        """Lay a version of a file into the folder of a day; returns its time."""
        folder, _, name = path.rpartition("/")
        self.lay(os.path.join(DAY, folder, f".homeftp-12.00.{second:02}.000000-{name}"), content)
        return NOON_US + second * 1_000_000


class TimelineTests(TimelineCase):
    """`TimelineLister`."""

    def lay_mark(self, path: str, second: int, version_us: int) -> Restoration:
        """Lay the mark of a version that was put back."""
        folder, _, name = path.rpartition("/")
        os.makedirs(self.path(os.path.join(DAY, folder)), exist_ok=True)
        where = self.path(os.path.join(DAY, folder, f".homeftp-12.00.{second:02}.000000-{name}"))
        os.symlink(f"homeftp restored the version of {version_us}", where)
        return Restoration(NOON_US + second * 1_000_000, version_us)

    def test_restorations(self) -> None:
        """A mark says that a version was put back, unless that is still there; another link says nothing."""
        self.lay("d/a", b"now")
        versions = [self.lay_version("d/a", second) for second in (1, 5)]
        marks = [self.lay_mark("d/a", 3, versions[0] - 500_000), self.lay_mark("d/a", 7, versions[1] + 1_000_000)]
        self.lay_mark("d/a", 8, versions[1])
        os.symlink("elsewhere", self.path(f"{DAY}/d/.homeftp-12.00.09.000000-a"))
        self.lay_mark("d/gone", 4, versions[0])
        store = self.store()
        (timeline,) = self.timelines(store, "d/a")
        self.assertEqual([each.at_us for each in timeline.versions], versions)
        self.assertEqual(list(timeline.restored), marks)
        self.assertEqual(self.named(store, "d"), ["", "a"])
        (timeline,) = self.timelines(store, "d/a", versions[1])
        self.assertEqual(list(timeline.restored), marks[1:])

    def test_impossible_times(self) -> None:
        """Times that no version can have, of a mark and of a name, are passed over; the others are still told."""
        version = self.lay_version("a", 1)
        for second, version_us in ((2, 10**18 - 1), (3, 253_402_300_800_000_000)):
            self.lay_mark("a", second, version_us)
        for name in ("24.00.00.000000-a", "12.60.00.000000-a", "99.99.99.999999-a"):
            for day in (DAY, ".homeftp/versions/9999-12-31"):
                self.lay(os.path.join(day, f".homeftp-{name}"), b"old")
        store = self.store()
        (timeline,) = self.timelines(store, "a")
        self.assertEqual(([each.at_us for each in timeline.versions], timeline.restored), ([version], ()))
        self.assertEqual([each.at_us for each in self.versions(store)], [version])

    def test_many_restorations(self) -> None:
        """A name with more marks than a page has comes in parts, and none is lost."""
        self.lay_version("a", 59)
        os.makedirs(self.path(DAY), exist_ok=True)
        for number in range(LISTING_PAGE + 5):
            link = self.path(f"{DAY}/.homeftp-11.00.{number // 1000:02}.{number % 1000:06}-a")
            os.symlink(f"homeftp restored the version of {number + 1}", link)
        found = self.timelines(self.store(), "a")
        self.assertEqual([len(each.restored) for each in found], [LISTING_PAGE, 5])
        self.assertEqual([len(each.versions) for each in found], [0, 1])

    def test_beside(self) -> None:
        """For one name, and for the top of an account, no other name beside it is read, nor what was beside the top."""
        for name in ("d/a", "d/b", "people/ann/a", "people/bob/a"):
            self.lay(name)
        self.lay_version("people/eve")
        self.lay_version("people/ann/a")
        self.lay_version("d/a")
        store = self.store()
        read: list[str] = []
        scandir = os.scandir

        @contextlib.contextmanager
        def noted(directory: int) -> Iterator[list[os.DirEntry[str]]]:
            with scandir(directory) as entries:
                found = list(entries)
            read.extend(each.name for each in found)
            yield found

        with mock.patch.object(os, "scandir", noted):
            self.assertEqual([len(each.versions) for each in self.timelines(store, "d/a", depth=0)], [1])
            self.assertEqual([each for each in read if each in ("a", "b")], [])
            top = self.history(store).timelines(Endpoint(("people", "ann"), 2))
            self.assertEqual([each.name for page in top for each in page], ["", "a"])
            self.assertEqual([each for each in read if "eve" in each or "bob" in each], [])
            self.named(store, "people")
        self.assertTrue({"ann", "bob"} <= set(read), "the control")

    def test_many_versions(self) -> None:
        """No part of a timeline has more versions than a page; together they are all, and what is there now is last.

        What is beneath a name comes behind all of its parts.
        """
        folder = self.path(os.path.join(DAY, "d"))
        os.makedirs(os.path.join(folder, "a"))
        for number in range(2 * LISTING_PAGE + 1):
            with open(os.path.join(folder, f".homeftp-12.00.00.{number:06}-a"), "wb"):
                pass
        self.lay_version("d/a/b")
        self.lay("d/a/c")
        store = self.store()
        found = self.timelines(store, "d")
        self.assertEqual([each.name for each in found], ["", "a", "a", "a", "a/b", "a/c"])
        parts = found[1:4]
        self.assertLessEqual(max(len(each.versions) for each in parts), LISTING_PAGE)
        times = [version.at_us for each in parts for version in each.versions]
        self.assertEqual(times, [NOON_US + number for number in range(2 * LISTING_PAGE + 1)])
        self.assertEqual([each.current is not None for each in parts], [False, False, True])
        alone = self.timelines(store, "d/a", depth=0)
        self.assertEqual([version.at_us for each in alone for version in each.versions], times)

    def test_merged(self) -> None:
        """Current files, their versions, and files that are versions only are one list, sorted as a listing is."""
        at = {path: self.lay_version(path) for path in ("d/gone/x", "d/b", "d/b.txt", "d/z", "other")}
        newer = self.lay_version("d/b", 1)
        for path in ("d/a", "d/b", "d/b/../c/x"):
            self.lay(os.path.normpath(path))
        store = self.store()
        found = self.timelines(store, "d")
        self.assertEqual([each.name for each in found], ["", "a", "b", "b.txt", "c", "c/x", "gone/x", "z"])
        by_name = {each.name: each for each in found}
        self.assertEqual([each.at_us for each in by_name["b"].versions], [at["d/b"], newer])
        self.assertEqual([each.at_us for each in by_name["z"].versions], [at["d/z"]])
        kinds = {name: each.current and each.current.kind for name, each in by_name.items()}
        self.assertEqual((kinds["b"], kinds["c"], kinds["z"], kinds[""]), ("file", "directory", None, "directory"))
        self.assertEqual(self.named(store)[:2], ["", "d"])

    def test_steps(self) -> None:
        """No step reads more than `PART` names, nor looks up more than `STEP_ITEMS` of them: others wait meanwhile."""
        for number in range(2 * STEP_ITEMS):
            self.lay_version("d/a", number % 60)
            self.lay(f"d/b{number:03}")
            self.lay_version(f"d/b{number:03}")
        history = self.history(self.store())
        stats = 0
        stat = os.stat

        def counted(*args: object, **kwargs: object) -> os.stat_result:
            nonlocal stats
            stats += 1
            return stat(*args, **kwargs)  # type: ignore[arg-type]

        parts = mock.Mock(wraps=islice)
        with (
            mock.patch.object(sortednames, "PART", 50),
            mock.patch.object(sortednames, "islice", parts),
            mock.patch.object(os, "stat", counted),
        ):
            steps: list[tuple[int, int]] = []
            for _ in history.timelines(parse("d"), 0):
                steps.append((parts.call_count, stats))
                parts.reset_mock()
                stats = 0
        self.assertLessEqual(max(read for read, _ in steps), 1)
        self.assertGreaterEqual(sum(read for read, _ in steps), 8, "the control: all names were read")
        self.assertLessEqual(max(looked for _, looked in steps), STEP_ITEMS)
        self.assertGreaterEqual(sum(looked for _, looked in steps), 4 * STEP_ITEMS, "the control: all were looked up")

    def test_one_of_many(self) -> None:
        """For one file the versions of others in the same folder count as names that are read."""
        for number in range(60):
            self.lay_version(f"d/b{number}")
        self.lay_version("d/a")
        self.lay("d/a")
        history = self.history(self.store())
        with mock.patch.object(sortednames, "PART", 10):
            steps = list(history.timelines(parse("d/a"), 0, depth=0))
        self.assertEqual([len(each.versions) for page in steps for each in page], [1])
        self.assertGreater(len(steps), 6)

    def test_since(self) -> None:
        """Older versions are left out, and names that have nothing else."""
        self.lay_version("d/a", 0)
        newer = self.lay_version("d/b", 5)
        self.lay_version("d/b", 3)
        store = self.store()
        found = self.timelines(store, "d", newer)
        self.assertEqual([(each.name, len(each.versions)) for each in found], [("b", 1)])
        self.assertEqual(self.named(store, "d", NOON_US * 2), [])

    def test_depth(self) -> None:
        """Only the endpoint itself, or what is directly in it."""
        for path in ("d/a", "d/e/b"):
            self.lay(path)
            self.lay_version(path)
        store = self.store()
        self.assertEqual(self.named(store, "d", depth=0), [""])
        self.assertEqual(self.named(store, "d/a", depth=0), [""])
        self.assertEqual(self.named(store, "d", depth=1), ["", "a", "e"])
        self.assertEqual(self.named(store, "", depth=0), [""])
        self.assertEqual(self.named(store, "", depth=1), ["", "d"])
        (own,) = self.timelines(store, "d/a", depth=0)
        self.assertEqual(len(own.versions), 1)

    def test_hidden(self) -> None:
        """What is hidden is not looked at, in any case."""
        for path in ("d/secret/a", "d/secret/b/c", "d/open"):
            self.lay_version(path)
        store = self.store()
        hidden = FolderSet(frozenset({("d", "Secret")}))
        self.assertEqual(self.named(store, "d", hidden=hidden), ["open"])
        self.assertEqual(self.named(store, "d"), ["open", "secret/a", "secret/b/c"], "the control")

    def test_long_names(self) -> None:
        """The versions of a name that leaves no space for their times have a folder of their own."""
        long = "n" * (MAX_NAME_BYTES - 5)
        self.lay(f"{DAY}/d/{long}/.homeftp-12.00.00.000000", b"old")
        self.lay(f"{DAY}/d/{long}/.homeftp-12.00.00.000000-x", b"other")
        store = self.store()
        found = self.timelines(store, "d")
        self.assertEqual([each.name for each in found], [long, f"{long}/x"])
        self.assertEqual([[each.at_us for each in timeline.versions] for timeline in found], [[NOON_US], [NOON_US]])
        self.assertEqual(len(self.timelines(store, f"d/{long}", depth=0)[0].versions), 1)

    def test_not_offered(self) -> None:
        """What no client can name is left out; what is not shared is named with the reason, and has no content."""
        self.lay(f"{DAY}/d/a\\b/.homeftp-12.00.00.000000-x.txt")
        self.lay(f"{DAY}/d/.homeftp-12.00.00.000000-x.exe")
        self.lay(f"{DAY}/d/.homeftp-99.00.00.000000-x.txt/y.txt")
        self.lay("d/x.exe")
        self.lay("d/a.txt")
        os.symlink("a.txt", self.path("d/link.txt"))
        os.mkdir(self.path(f"{DAY}/d/.homeftp-12.00.00.000000-folder.txt"))
        found = {each.name: each for each in self.timelines(self.store(filetypes=(".txt",)), "d")}
        self.assertEqual(set(found), {"", "a.txt", "link.txt", "x.exe"})
        self.assertIsNotNone(found["link.txt"].problem)
        self.assertIsNotNone(found["x.exe"].problem)
        self.assertIsNone(found["link.txt"].current)

    def test_made(self) -> None:
        """Each content has the time at which its file was made, by the system."""
        store = self.store(system=BirthSystem({b"d": 77}))
        for mtime_us in (1_000_000, 2_000_000):
            self.put(store, "d/a", b"%d" % mtime_us, mtime_us=mtime_us)
        top, timeline = self.timelines(store, "d")
        self.assertEqual(top.made_us, 77)
        self.assertEqual((timeline.versions[0].made_us, timeline.made_us), (1_000_000, 2_000_000))

    def test_hashes(self) -> None:
        """Hashes are told where they are known."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "d/a", content)
        _, timeline = self.timelines(store, "d")
        assert timeline.current is not None
        self.assertNotIn(None, (timeline.current.hash, timeline.versions[0].hash))

    def test_bounded(self) -> None:
        """Directories with more names than may be kept are read again, and each name comes exactly once."""
        names = [f"{number:04}" for number in range(900)]
        for name in names:
            self.lay_version(f"d/e/{name}")
            self.lay(f"d/e/{name}")
            self.lay(f"d/f/{name}")
        store = self.store()
        history = store.history()
        assert history is not None
        lister = structs.replace(history.lister, budget=NameBudget(500, least=100))
        found = [each.name for page in lister.pages(parse("d"), 0) for each in page]
        expected = ["", "e", *(f"e/{name}" for name in names), "f", *(f"f/{name}" for name in names)]
        self.assertEqual(found, expected)
        with mock.patch("homeftp.store.policy.pages.LISTING_PAGE", 100):
            pages = list(lister.pages(parse("d/e"), NOON_US * 2))
        self.assertEqual({len(page) for page in pages[:-1]}, {0, 100})

    def test_changed_meanwhile(self) -> None:
        """Names that are put back between two steps do not come twice."""
        for number in range(600):
            self.lay_version(f"d/{number:03}")
        store = self.store()
        seen: list[str] = []
        with mock.patch("homeftp.store.policy.pages.LISTING_PAGE", 50):
            for page in self.history(store).timelines(parse("d"), 0):
                seen += [each.name for each in page]
                for each in page:
                    if each.name:
                        store.restore(parse(f"d/{each.name}"), None, None)
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual({*seen} - {""}, {f"{number:03}" for number in range(600)})

    def test_missing_disk(self) -> None:
        """Where a disk is not mounted nothing is told of it."""
        self.lay(".homeftp/mounts", b"disk\n")
        self.lay("disk/x")
        os.remove(self.path("disk/x"))
        store = self.store()
        self.assertRaises(Busy, self.timelines, store, "disk/x")

    def test_no_history(self) -> None:
        """A store that keeps no versions has none."""
        self.assertIsNone(self.store(retention=Retention(seconds=0)).history())
