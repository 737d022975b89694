"""C1: the power goes, at whatever moment. The harness is tests/system/powercut."""

from __future__ import annotations

import ctypes.util
import json
import os
import random
import subprocess
import sys
from typing import Any, Sequence

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.support import needs
from tests.support.processes import environment
from tests.system.powercut.filesystems import FILE_SYSTEMS, PROGRAMS
from tests.system.powercut.history import History
from tests.system.powercut.log import FLUSH, Log, entry
from tests.system.powercut.power import Report
from tests.system.powercut.states import Cut, Cuts, Images
from tests.system.powercut.stores import WRONG
from tests.system.powercut.verdict import PROMISES, Crashed, kept, swept

_SEEDS = [random.SystemRandom().randrange(10**9) for _ in range(10)] if needs.LONG else [1, 2]
_STATES = 400 if needs.LONG else 60
"""Of each seed's workload on each file system: 20,000 in all, or 600."""

_WITHIN = 1200.0


class PowerCutTests(SynchronousTestCase):
    """Workloads on real file systems, on a disk that has written down what it was told."""

    def setUp(self) -> None:
        """Look for what it takes."""
        needs.root()
        needs.device("/dev/fuse")
        needs.device("/dev/loop-control")
        for program in (*PROGRAMS, "setpriv", "unshare"):
            needs.program(program)
        needs.require("the FUSE library", lambda: ctypes.util.find_library("fuse3") or ctypes.util.find_library("fuse"))

    def attempts(self, systems: Sequence[str], seeds: Sequence[int], *options: str) -> list[Report]:
        """Power cuts, in a mount namespace of their own: when all processes have ended, nothing is mounted."""
        own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount"]
        folder = os.path.abspath(self.mktemp())
        given = [*systems, "--seeds", *map(str, seeds), f"--folder={folder}", *options]
        done = subprocess.run(
            [*own, sys.executable, "-m", "tests.system.powercut", *given],
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            env=environment(),
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), given)
        return [Report(**report) for report in json.loads(done.stdout)]

    def holds(self, system: str) -> None:
        """The local store, on this file system."""
        for report in self.attempts([system], _SEEDS, f"--states={_STATES}"):
            self.assertEqual(report.refusals, [])
            self.assertEqual(report.bad, 0, "\n".join(["", *report.faults]))
            self.assertEqual(report.states, _STATES)
            self.assertGreater(report.acknowledged, 20)

    def notices(self, store: str, systems: Sequence[str] = tuple(FILE_SYSTEMS)) -> None:
        """The verdict notices a wrong store, on each of these file systems, in a hundred states mostly."""
        reports = self.attempts(systems, _SEEDS[:1], f"--store={store}", "--states=200", "--enough=1", "--workloads=20")
        for system, report in zip(systems, reports, strict=True):
            self.assertEqual(report.bad, 1, f"{system}, {store}: {report}")

    def test_ext4(self) -> None:
        """C1: on ext4 each file is the last acknowledged or a newer whole version, and the disk comes up again."""
        self.holds("ext4")

    def test_ext4_writeback(self) -> None:
        """The same where ext4 writes content when it likes, after the names too."""
        self.holds("ext4-writeback")

    def test_ext4_no_journal(self) -> None:
        """Without a journal that holds for all but what is being moved at that moment: see verdict.py."""
        self.holds("ext4-no-journal")

    def test_xfs(self) -> None:
        """The same as on ext4."""
        self.holds("xfs")

    def test_btrfs(self) -> None:
        """The same as on ext4."""
        self.holds("btrfs")

    def test_control_file_sync(self) -> None:
        """Content that is not made durable before the rename is noticed."""
        self.notices("no-file-sync")

    def test_control_directory_sync(self) -> None:
        """A rename that is not made durable before the answer is noticed."""
        self.notices("no-directory-sync")

    def test_control_in_place(self) -> None:
        """A file that is overwritten slowly is noticed, though it is made durable at the end."""
        self.notices("in-place")

    def test_control_versions(self) -> None:
        """A version that does not outlast what replaces it is noticed."""
        self.notices("forgetful")

    def test_control_shared_name(self) -> None:
        """Temp files that share one name are noticed."""
        self.notices("shared-name")


class EachTests(SynchronousTestCase):
    """What is above, against what the harness has."""

    def test_each(self) -> None:
        """There is no file system without a test, and no wrong store that is not shown to be noticed."""
        self.assertEqual(set(WRONG), {"no-file-sync", "no-directory-sync", "in-place", "forgetful", "shared-name"})
        self.assertEqual(set(FILE_SYSTEMS), {"ext4", "ext4-writeback", "ext4-no-journal", "xfs", "btrfs"})


class VerdictTests(SynchronousTestCase):
    """What the verdict says of a folder; nothing is mounted."""

    def setUp(self) -> None:
        """A root into which `a` was written three times; the last write was not acknowledged."""
        self.root = self.mktemp()
        os.makedirs(os.path.join(self.root, ".homeftp", "incoming"))
        self.length = 0
        self.history = History(lambda: self.length)
        for number, content in enumerate([b"first", b"second", b"third"]):
            self.length = 10 * number
            version = self.history.file("in/a", content)
            self.length = 10 * number + 5
            if number < 2:
                self.history.acknowledge(version)

    def lay(self, name: str, content: bytes) -> None:
        """A file in the root."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def faults(self, position: int, *, journaled: bool = True) -> list[str]:
        """What it says, of a cut at this length of the log."""
        crashed = Crashed(self.root, self.history, position, journaled)
        return [fault for promise in (*PROMISES, swept) for fault in promise(crashed)]

    def test_absent(self) -> None:
        """A file that was never acknowledged may be absent; one that was may not."""
        self.assertEqual(self.faults(4), [])
        self.assertEqual(
            self.faults(5), ["in/a: expected version 1 of 3, found nothing", "in/a: version 1 of 3 is lost"]
        )
        self.assertEqual(
            self.faults(20),
            [
                "in/a: expected version 2 or version 3 of 3, found nothing",
                "in/a: version 1 of 3 is lost",
                "in/a: version 2 of 3 is lost",
            ],
        )

    def test_versions(self) -> None:
        """There is the last one acknowledged, or one that was put since; those before are versions, or lost content."""
        self.lay("in/a", b"first")
        self.assertEqual([self.faults(position) for position in (0, 5, 10, 14)], [[], [], [], []])
        self.assertEqual(
            self.faults(15), ["in/a: expected version 2 of 3, found version 1", "in/a: version 2 of 3 is lost"]
        )
        self.lay("in/a", b"third")
        self.lay(".homeftp/versions/one", b"first")
        self.assertEqual(
            self.faults(19), ["in/a: expected version 2 of 3, found version 3", "in/a: version 2 of 3 is lost"]
        )
        self.lay(".homeftp/versions/two", b"second")
        self.assertEqual(self.faults(20), [])
        os.unlink(os.path.join(self.root, ".homeftp/versions/one"))
        self.assertEqual(self.faults(20), ["in/a: version 1 of 3 is lost"])

    def test_started(self) -> None:
        """What a start of the store loses is noticed: all is read again for it."""
        self.lay("in/a", b"second")
        self.lay(".homeftp/versions/one", b"first")
        crashed = Crashed(self.root, self.history, 15)
        self.assertEqual(list(kept(crashed)), [])
        os.unlink(os.path.join(self.root, ".homeftp/versions/one"))
        self.assertEqual(list(kept(attrs.evolve(crashed))), ["in/a: version 1 of 3 is lost"])

    def test_removed(self) -> None:
        """A removed file may exist until its removal is acknowledged, and not after; it becomes a version."""
        self.lay("in/a", b"third")
        self.lay(".homeftp/versions/one", b"first")
        self.lay(".homeftp/versions/two", b"second")
        self.length = 30
        self.history.acknowledge(self.history.files["in/a"][-1])
        self.length = 32
        removed = self.history.file("in/a", None, moves=True)
        self.length = 34
        self.history.acknowledge(removed)
        self.assertEqual([self.faults(31), self.faults(33)], [[], []])
        self.assertEqual(self.faults(34), ["in/a: expected nothing of 4, found version 3"])
        os.rename(os.path.join(self.root, "in/a"), os.path.join(self.root, ".homeftp/versions/three"))
        self.assertEqual([self.faults(33), self.faults(34)], [[], []])
        self.assertEqual(self.faults(31), ["in/a: expected version 3 of 4, found nothing"])
        os.unlink(os.path.join(self.root, ".homeftp/versions/three"))
        self.assertEqual(self.faults(33), ["in/a: version 3 of 4 is lost"])
        self.assertEqual(self.faults(33, journaled=False), [])
        self.assertEqual(self.faults(34, journaled=False), ["in/a: version 3 of 4 is lost"])

    def test_moved_on(self) -> None:
        """Without a journal a file that is being removed may be lost, by the names too that it had before."""
        self.lay("in/a", b"second")
        self.lay(".homeftp/versions/one", b"second")
        for length, name, content in ((16, "in/b", b"first"), (18, "in/a", None)):
            self.length = length
            self.history.acknowledge(self.history.file(name, content, moves=True))
        self.length = 20
        removed = self.history.file("in/b", None, moves=True)
        os.unlink(os.path.join(self.root, "in/a"))
        lost = ["in/a: version 1 of 4 is lost", "in/b: version 1 of 2 is lost"]
        self.assertEqual(self.faults(19, journaled=False)[1:], lost)
        self.assertEqual(self.faults(20, journaled=False), [])
        self.assertEqual([fault for fault in self.faults(20) if "is lost" in fault], lost)
        self.length = 22
        self.history.acknowledge(removed)
        self.assertEqual(self.faults(22, journaled=False), lost)

    def test_torn(self) -> None:
        """A version in part, or mixed with another, is told apart from all versions."""
        self.lay(".homeftp/versions/one", b"first")
        self.lay(".homeftp/versions/two", b"second")
        self.lay("in/a", b"second"[:3] + b"\0\0\0")
        says = "in/a: expected version 2 of 3, found 6 bytes: the first 3 of the 6 of version 2, and then "
        self.assertEqual(self.faults(15), [says + "zeros"])
        self.lay("in/a", b"second"[:3] + b"rd?")
        self.assertEqual(self.faults(15), [says + "something else"])

    def test_unasked(self) -> None:
        """Paths without a request are noticed, and leftovers of an upload."""
        self.lay("in/a", b"second")
        self.lay("in/b", b"")
        self.lay("out/c", b"")
        self.lay(".homeftp/incoming/draft", b"")
        self.lay(".homeftp/other", b"first")
        found = [
            "in/b: file without a request",
            "out/c: file without a request",
            "out: directory without a request",
            ".homeftp/incoming/draft: was left",
        ]
        self.assertEqual(sorted(self.faults(15)), sorted(found))

    def test_directories(self) -> None:
        """A directory that was acknowledged is there, and was not before it was asked for."""
        self.lay("in/a", b"second")
        self.lay(".homeftp/versions/one", b"first")
        self.length = 16
        made = self.history.directory("made/here")
        self.length = 18
        self.history.acknowledge(made)
        self.assertEqual(self.faults(17), [])
        self.assertEqual(self.faults(18), ["made/here: expected a directory, found none"])
        os.makedirs(os.path.join(self.root, "made", "here"))
        self.assertEqual(self.faults(18), [])
        self.assertEqual(len(self.faults(15)), 2)

    def test_kind(self) -> None:
        """A directory that is being made is no file, but without a journal, and then until it is acknowledged."""
        self.lay("in/a", b"second")
        self.lay(".homeftp/versions/one", b"first")
        self.length = 16
        made = self.history.directory("made")
        self.lay("made", b"")
        self.assertEqual(self.faults(17), ["made: file without a request"])
        self.assertEqual(self.faults(17, journaled=False), [])
        self.length = 18
        self.history.acknowledge(made)
        self.assertEqual(self.faults(18, journaled=False), ["made: expected a directory, found a file"])
        self.assertEqual(self.faults(15, journaled=False), ["made: file without a request"])

    def test_directory_metadata(self) -> None:
        """A directory that was acknowledged has the mode and the time that were asked for, and is no file."""
        path = os.path.join(self.root, "made")
        self.history.acknowledge(self.history.directory("made", 0o700, 1_500_000_000_000_000))
        os.mkdir(path, 0o755)
        os.utime(path, (1, 1))
        wrong = ["made: expected the mode 700, found 755", "made: expected the time 1500000000000000, found 1000000"]
        self.assertEqual([each for each in self.faults(self.length) if "expected the" in each], wrong)
        os.chmod(path, 0o700)
        os.utime(path, ns=(0, 1_500_000_000_000_000_000))
        self.assertEqual([each for each in self.faults(self.length) if each.startswith("made")], [])
        os.rmdir(path)
        self.lay("made", b"")
        self.assertIn("made: expected a directory, found a file", self.faults(self.length))

    def test_pruned(self) -> None:
        """A version that is removed for good may be lost from then on, and does not come back after the answer."""
        self.lay("in/a", b"second")
        self.length = 16
        pruned = self.history.prune(b"first")
        self.length = 18
        self.history.acknowledge(pruned)
        self.assertEqual([self.faults(position) for position in (15, 16)], [["in/a: version 1 of 3 is lost"], []])
        self.lay(".homeftp/versions/one", b"first")
        again = ["a version that was removed for good is there again"]
        self.assertEqual([self.faults(position) for position in (17, 18)], [[], again])


class CutTests(SynchronousTestCase):
    """What a disk may hold, of a log that was written by hand."""

    def setUp(self) -> None:
        """Two writes, a flush, and two more, of which the last is over the first."""
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        written = [
            entry(0, b"a" * 4096),
            entry(8192, b"b" * 1024),
            FLUSH,
            entry(4096, b"c" * 512),
            entry(0, b"d" * 4096),
        ]
        self.ends = [len(b"".join(written[: number + 1])) for number in range(5)]
        self.log = Log(self.path("log"))
        with open(self.log.path, "wb") as file:
            file.write(b"".join(written))
        with open(self.path("base"), "wb") as file:
            file.truncate(16384)

    def path(self, name: str) -> str:
        """A file of the test's."""
        return os.path.join(self.folder, name)

    def cuts(self, **given: Any) -> tuple[Cuts, list[Cut]]:
        """Many cuts of it."""
        cuts = Cuts(self.log.events(), given.get("sector", 512), random.Random(1))
        return cuts, cuts.choose(300, [self.ends[2]])

    def test_log(self) -> None:
        """The log is read as it was written, and each event knows where it ends."""
        events = self.log.events()
        self.assertEqual([(event.offset, len(event.data)) for event in events[:2]], [(0, 4096), (8192, 1024)])
        self.assertEqual([event.flush for event in events], [False, False, True, False, False])
        self.assertEqual(([event.end for event in events], self.log.length()), (self.ends, self.ends[-1]))

    def test_only_since_the_flush(self) -> None:
        """In doubt is only what came since the last flush; every moment comes up, and writes whole, in part and not."""
        _, chosen = self.cuts()
        self.assertEqual({cut.at for cut in chosen}, set(range(6)))
        for cut in chosen:
            self.assertEqual(cut.flushed, 3 if cut.at >= 3 else 0)
            self.assertTrue(all(cut.flushed <= piece.event < cut.at for piece in cut.reached))
        sizes = {sum(piece.stop - piece.start for piece in cut.reached) for cut in chosen if cut.at == 5}
        self.assertLessEqual({0, 512, 4096, 4096 + 512}, sizes)
        self.assertGreater(len(sizes), 5)

    def test_sectors(self) -> None:
        """No sector is torn."""
        _, chosen = self.cuts(sector=4096)
        self.assertEqual({piece.stop - piece.start for cut in chosen for piece in cut.reached}, {512, 1024, 4096})

    def test_position(self) -> None:
        """A cut comes after every answer that came before the next event was written down."""
        cuts, chosen = self.cuts()
        positions = {cut.at: cuts.position(cut) for cut in chosen}
        self.assertEqual(positions, {**{at: end - 1 for at, end in enumerate(self.ends)}, 5: self.ends[-1]})

    def test_images(self) -> None:
        """Each image has all up to the flush, and of the rest what has reached it."""
        _, chosen = self.cuts()
        images = Images(self.path("base"), self.log.events(), self.folder)
        for cut in chosen[::5]:
            images.make(cut, self.path("image"))
            with open(self.path("image"), "rb") as file:
                content = file.read()
            reached = sum(piece.stop - piece.start for piece in cut.reached)
            if cut.flushed:
                self.assertEqual((content[8192:9216], content.count(b"a") + content.count(b"d")), (b"b" * 1024, 4096))
                reached += 1024 + content.count(b"a")
            self.assertEqual((len(content), len(content) - content.count(b"\0")), (16384, reached), cut)
