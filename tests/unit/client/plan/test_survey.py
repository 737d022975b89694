"""A folder that is the same costs few requests, and so does one in which little differs; all that differs is told."""

from __future__ import annotations

import os
from typing import Any, Callable, Coroutine
from unittest import mock

import attrs
from twisted.internet.defer import Deferred, fail

from homeftp.client import FileResult, Outcome, TransferObserver
from homeftp.client.plan.cmp import cmp
from homeftp.client.plan.get import get
from homeftp.client.plan.local import scanner
from homeftp.client.plan.push import push
from homeftp.client.plan.survey import Survey, names_around, survey, survey_parts
from homeftp.client.seen.store import SeenStore
from homeftp.client.selection import Selection
from homeftp.client.transfer.model import TransferOptions
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed
from homeftp.files.files import Files
from homeftp.hashing.foldertable import KnownFolder
from homeftp.hashing.treedigest import NOTHING
from homeftp.model import TreeDigest
from homeftp.workers import InlineWorkers
from tests.support.transfers import TransferCase, stamp

RECURSIVE = TransferOptions(recursive=True)

NO_FOLDER = KnownFolder(b"", b"", TreeDigest(content=NOTHING, full=NOTHING, files=0, directories=0, size=0))
"""What no folder looks like."""


class WholeTests(TransferCase):
    """`cmp` of a folder, where this machine remembers the hashes of its files."""

    def setUp(self) -> None:
        super().setUp()
        self.new_cache()
        for name in ("lib/a", "lib/sub/b", "lib/sub/é"):
            self.make_file(name, name.encode())
        os.mkdir(f"{self.here}/lib/empty")
        self.push(f"{self.here}/lib", "lib", recursive=True)

    def compare(self, **options: Any) -> tuple[list[str], dict[Outcome, int]]:
        """The requests that a comparison sends, and how many results of each kind it has."""
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            observer = self.cmp(f"{self.here}/lib", "lib", **options)
        self.assertEqual(observer.bytes_moved, 0)
        return [call.args[0] for call in request.call_args_list], dict(observer.counts)

    def test_same(self) -> None:
        """One CMP; every file is reported, in either order."""
        for local_first in (True, False):
            self.assertEqual(self.compare(local_first=local_first), (["CMP"], {Outcome.SAME: 3}))

    def test_counted(self) -> None:
        """Where nobody asks for results, files in folders that look as before are only counted, and no hash looked up.

        The control is the first time. What was changed since is found.
        """
        cache = self.context.hash_cache
        assert cache is not None
        path = f"{self.here}/lib"
        works: tuple[Callable[[TransferObserver], Coroutine[Any, Any, None]], ...] = (
            lambda observer: cmp(self.client, self.context, path, "lib", observer),
            lambda observer: push(self.client, self.context, [path], "lib", RECURSIVE, observer),
            lambda observer: get(self.client, self.context, ["lib"], path, RECURSIVE, observer),
        )
        for number, work in enumerate(works):
            cache.folders.record(dict.fromkeys(map(os.path.realpath, (path, f"{path}/sub")), NO_FOLDER))
            for is_known in (False, True):
                observer = self.observer()
                counted: list[int] = []
                planned: list[tuple[int, int]] = []
                observer.on_same = counted.append
                observer.on_plan = lambda *plan, planned=planned: planned.append(plan)
                with mock.patch.object(cache, "lookup", wraps=cache.lookup) as lookup:
                    self.run_work(work(observer))
                self.assertEqual((dict(observer.counts), counted, self.results), ({Outcome.SAME: 3}, [3], []))
                self.assertEqual(not lookup.called, is_known, number)
                sizes = sum(map(len, (b"lib/a", b"lib/sub/b", "lib/sub/é".encode())))
                self.assertEqual(tuple(map(sum, zip(*planned, strict=True))), (3, sizes))
        os.utime(f"{path}/sub/b", (5, 5))
        self.assertEqual(self.compare(), (["CMP", "GET"], {Outcome.SAME: 2, Outcome.DIFFERS: 1}))

    def test_finished(self) -> None:
        """A file that is finished is not counted again, although nobody asks for results."""
        observer = self.observer()
        counted: list[int] = []
        observer.on_same = counted.append
        observer.add_result(FileResult(Outcome.NEW, "sub/b"), "lib/sub/b")
        self.run_work(push(self.client, self.context, [f"{self.here}/lib"], "lib", RECURSIVE, observer))
        self.assertEqual(dict(observer.counts), {Outcome.NEW: 1, Outcome.SAME: 2})
        self.assertEqual((counted, len(self.results)), ([1], 2))

    def test_server_hashes(self) -> None:
        """While the server hashes for its digest each command is told how far it is; a file alone needs no digest."""
        there, path = "lib", f"{self.here}/lib"
        for compare in (
            lambda: self.cmp(path, there),
            lambda: self.push(path, there, recursive=True),
            lambda: self.get(there, path, recursive=True),
        ):
            self.make_remote_file("lib/a", b"lib/a")  # the server does not know its hash any more
            compare()
            self.assertEqual([size for _, size in self.compared], [len(b"lib/a")])
        self.push(f"{path}/a", f"{there}/a")
        self.assertEqual(self.compared, [], "the control")

    def test_parts(self) -> None:
        """Of some parts a directory that is the same costs one CMP more. Where parts tell too little, nothing is said.

        They do so where a directory around them is missing on a side, and where no hashes are remembered.
        """

        def parts(*names: str) -> Survey | None:
            scan = scanner(self.context, f"{self.here}/lib", Selection(), names)
            return self.run_work(survey_parts(self.client, self.context, scan, parse("lib"), names))

        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            found = parts("sub", "a")
        assert found is not None
        self.assertEqual([call.args[0] for call in request.call_args_list], ["CMP"] * 4)
        self.assertEqual((found.same, found.same_count), ({"sub"}, 2))
        self.assertEqual(set(found.listing.entries), {"", "a", "sub"})
        self.assertEqual(set(found.tree.files), {"a", "sub/b", "sub/é"})
        self.assertIsNone(parts("missing/x"))
        self.make_file("lib/here/x")
        self.assertIsNone(parts("here/x"))
        self.context = attrs.evolve(self.context, hash_cache=None)
        self.assertIsNone(parts("sub"))

    def test_around(self) -> None:
        """The directories around some names are those in which they are, and the top."""
        self.assertEqual(names_around(["a/b/c", "a/d", "e"]), ["", "a", "a/b"])
        self.assertEqual(names_around([""]), [""])

    def test_not_begun(self) -> None:
        """Where the comparison fails before it begins, nothing is left that was not awaited: Python would warn."""

        class BusyWorkers(InlineWorkers):
            """Has no place for a job."""

            def run(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
                return fail(Busy("there is no place"))

        scan = mock.Mock()
        context = attrs.evolve(self.context, workers=BusyWorkers())
        comparing = survey(self.client, context, self.here, scan, parse("lib"), extra=True)
        self.assertRaises(Busy, self.run_work, comparing)
        scan.assert_not_called()

    def test_links_here(self) -> None:
        """What cannot be sent of the local folder is reported too."""
        os.symlink("a", f"{self.here}/lib/link")
        self.assertEqual(self.compare(), (["CMP"], {Outcome.SAME: 3, Outcome.SKIPPED: 1}))

    def test_name_here(self) -> None:
        """A local name that cannot be sent is told."""
        self.make_file("lib/.homeftp-b")
        self.assertEqual(self.compare(), (["CMP"], {Outcome.SAME: 3, Outcome.FAILED: 1}))

    def test_changing_there(self) -> None:
        """Where a file on the server keeps changing, so that there is no digest, the listing is compared."""

        def changing(*_: object, **__: object) -> None:
            raise Changed("it is being changed")

        with mock.patch.object(Files, "tree_digest", changing):
            self.assertEqual(self.compare(), (["CMP", "CMP", "GET"], {Outcome.SAME: 3}))

    def test_differs(self) -> None:
        """A difference of any kind is found, by the listing."""
        for change, found in (
            (lambda: self.make_file("lib/a", b"another"), Outcome.DIFFERS),
            (lambda: self.make_file("lib/a", b"lib/a", mtime=1_600_000_000), Outcome.DIFFERS),
            (lambda: self.make_file("lib/a", b"lib/a", mode=0o600), Outcome.DIFFERS),
            (lambda: self.make_file("lib/new"), Outcome.MISSING),
            (lambda: os.unlink(f"{self.here}/lib/a"), Outcome.EXTRA),
            (lambda: os.rmdir(f"{self.here}/lib/empty"), Outcome.EXTRA),
        ):
            change()
            requests, counts = self.compare()
            self.assertEqual((requests[-2:], counts[found]), (["CMP", "GET"], 1), found)
            self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
            for name in ("lib/new", "lib/a"):
                for top in (self.here, self.server.root):
                    if os.path.exists(f"{top}/{name}"):
                        os.unlink(f"{top}/{name}")
            self.make_file("lib/a", b"lib/a")
            os.makedirs(f"{self.here}/lib/empty", exist_ok=True)
            self.push(f"{self.here}/lib", "lib", recursive=True)
            self.assertEqual(self.compare()[0], ["CMP"], "the control")

    def test_skipped_there(self) -> None:
        """A name on the server that cannot be compared is told by its name."""
        os.symlink("a", os.path.join(self.server.root, "lib", "link"))
        self.assertEqual(self.compare(), (["CMP", "GET"], {Outcome.SAME: 3, Outcome.SKIPPED: 1}))

    def test_not_remembered(self) -> None:
        """A folder of which not all hashes are remembered is compared with the listing."""
        os.utime(f"{self.here}/lib/a", ns=(0, 1_700_000_000 * 10**9))
        os.chmod(f"{self.here}/lib/a", 0o644)
        self.assertEqual(self.compare(), (["CMP", "GET"], {Outcome.SAME: 3}))

    def test_file_there(self) -> None:
        """A file on the other side is of another kind, whether all hashes of the folder are remembered or not."""
        self.make_file("other/x")
        for _ in range(2):
            self.cmp(f"{self.here}/other", "lib/a")
            self.assertEqual([result.differs for result in self.results], [("kind",)])
            self.push(f"{self.here}/other", "other", recursive=True)

    def test_mode_of_the_folder(self) -> None:
        """With `perms` the mode of the folder itself is compared."""
        os.chmod(f"{self.here}/lib", 0o700)
        self.assertEqual(self.compare(), (["CMP"], {Outcome.SAME: 3}))
        requests, counts = self.compare(perms=True)
        self.assertEqual((requests, counts), (["CMP"], {Outcome.SAME: 3, Outcome.DIFFERS: 1}))


FOLDERS, FILES = 20, 17
"""A tree that is worth descending into: its folders, and the files in each."""

LATER = 1_710_000_000
"""A time after that of the other files."""


class LargeTests(TransferCase):
    """Folders of a folder with many files."""

    def setUp(self) -> None:
        super().setUp()
        self.new_cache()
        for folder in range(FOLDERS):
            for number in range(FILES):
                self.make_file(f"lib/{folder:02}/{number:02}")
        self.push(f"{self.here}/lib", "lib", recursive=True)

    def requests(self, transfer: Callable[[], object]) -> list[tuple[str, str]]:
        """The CMP, GET, and PUSH of directories that a transfer sends, each with its endpoint."""
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            transfer()
        return [(call.args[0], call.args[1]["rel_endpoint"]) for call in request.call_args_list]

    def push_lib(self, **options: Any) -> list[tuple[str, str]]:
        """The requests of a push of the folder."""
        return self.requests(lambda: self.push(f"{self.here}/lib", "lib", recursive=True, **options))

    def get_lib(self, **options: Any) -> list[tuple[str, str]]:
        """The requests of a get of the folder."""
        return self.requests(lambda: self.get("lib", f"{self.here}/lib", recursive=True, **options))

    def test_nothing_differs(self) -> None:
        """A few requests tell that all is the same, and what times the directories have."""
        self.assertEqual(self.push_lib(), [("CMP", "lib"), ("GET", "lib")])
        self.assertEqual(set(self.outcomes().values()), {Outcome.SAME})
        self.assertEqual(len(self.results), FOLDERS * FILES)
        self.assertEqual(self.get_lib(), [("CMP", "lib"), ("CMP", "lib"), ("GET", "lib")])
        self.assertEqual(len(self.results), FOLDERS * FILES)
        self.assertEqual(self.push_lib(dry_run=True), [("CMP", "lib")])
        self.assertEqual(self.push_lib(delete=True), [("CMP", "lib"), ("GET", "lib")])

    def test_one_file_differs_here(self) -> None:
        """Where a file was changed here, only its directory is listed, and the one around it; one CMP tells which."""
        self.make_file("lib/07/03", b"changed", mtime=LATER)
        requests = self.push_lib()
        self.assertEqual([each for each in requests if each[0] == "GET"], [("GET", "lib"), ("GET", "lib/07")])
        self.assertEqual([each for each in requests if each[0] == "CMP"], [("CMP", "lib")])
        self.assertEqual(self.outcomes()["07/03"], Outcome.REPLACED)
        self.assertEqual(len(self.results), FOLDERS * FILES)

    def test_one_file_differs_there(self) -> None:
        """Where a file was changed on the server, the digests of the directories tell which is to be listed."""
        self.make_remote_file("lib/07/03", b"changed", mtime=LATER)
        requests = self.get_lib()
        self.assertEqual([each for each in requests if each[0] == "GET"], [("GET", "lib"), ("GET", "lib/07")])
        self.assertEqual(self.outcomes()["07/03"], Outcome.REPLACED)
        self.assertEqual(len(self.results), FOLDERS * FILES)

    def test_much_differs(self) -> None:
        """Where many hashes are not remembered, and where all times differ, one listing is made of all."""
        for folder in range(FOLDERS // 2):
            for number in range(FILES):
                self.make_file(f"lib/{folder:02}/{number:02}", b"changed", mtime=LATER)
        listing = [("CMP", "lib"), ("GET", "lib")]
        self.assertEqual(self.push_lib(dry_run=True), listing)
        self.push_lib()
        for name in self.outcomes():
            os.utime(os.path.join(self.server.root, "lib", *name.split("/")), (1, 1))
        self.assertEqual(self.push_lib(dry_run=True), listing)

    def test_new_folder(self) -> None:
        """Of a folder that the server does not have, nothing is listed: one request tells that."""
        self.assertEqual(
            self.requests(lambda: self.push(f"{self.here}/lib", "new", recursive=True, dry_run=True)), [("CMP", "new")]
        )
        self.assertEqual(self.observed_folders(), FOLDERS + 1)

    def observed_folders(self) -> int:
        """How many folders the last transfer has reported as new."""
        return sum(each.outcome is Outcome.NEW and each.kind == "directory" for each in self.results)

    def test_times_of_directories(self) -> None:
        """A directory that is the same still gets the other side's time."""
        for folder in ("lib", "lib/07"):
            os.utime(f"{self.here}/{folder}", (5, 5))
        self.push_lib()
        remote = os.path.join(self.server.root, "lib")
        self.assertEqual((stamp(remote)[0], stamp(f"{remote}/07")[0]), (5_000_000, 5_000_000))
        os.utime(f"{remote}/08", (6, 6))
        self.get_lib()
        self.assertEqual(stamp(f"{self.here}/lib/08")[0], 6_000_000)

    def test_seen(self) -> None:
        """What is the same counts as seen: it may be replaced later. A dry run has seen nothing."""
        for option, outcome in ((True, Outcome.CONFLICT), (False, Outcome.REPLACED)):
            self.context = attrs.evolve(self.context, seen=SeenStore(None))
            self.push_lib(dry_run=option)
            self.make_file("lib/07/03", b"changed", mtime=LATER)
            self.new_cache()  # without what the local file held before
            self.push_lib(dry_run=True)
            self.assertEqual(self.outcomes()["07/03"], outcome)
            self.make_file("lib/07/03")
            self.push_lib(force=True)
