"""`homeftp cluster verify` names what the bucket has not kept, and reads no faster than it is told to."""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.clusters import verifying
from homeftp.cli.clusters.verifying import Pace
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import Busy
from tests.support.clustercommands import ClusterCommandCase


class PaceTests(SynchronousTestCase):
    """A clock that sleeping moves."""

    def setUp(self) -> None:
        """Begin at some time."""
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def test_rate(self) -> None:
        """So many bytes take so long; time in which nothing was read is not caught up with."""
        pace = Pace(10.0, lambda: self.now, self.sleep)
        pace(20)
        self.assertEqual(self.now, 102)
        self.now += 1
        pace(5)
        self.assertEqual(self.now, 103.5)
        self.now += 1000
        pace(10)
        self.assertEqual(self.now, 1104.5)

    def test_none(self) -> None:
        """Without a rate nothing waits."""
        Pace(None, lambda: self.now, self.sleep)(10**9)
        self.assertEqual(self.now, 100)


class ClusterVerifyTests(ClusterCommandCase):
    """Two files and a version."""

    def setUp(self) -> None:
        super().setUp()
        with self.opened() as store:
            for path, content in (("a.txt", b"old"), ("a.txt", b"new"), ("d/b.txt", b"other")):
                self.write(store, path, content)
        self.clear()

    def verify(self, *arguments: str) -> int:
        return self.homeftp("cluster", "verify", self.url, "--objects", "s3://files", *arguments)

    def test_sound(self) -> None:
        """All is well, and is summed up."""
        self.assertEqual(self.verify(), Exit.DONE)
        self.assertIn("Verified 2 files and 1 version, 11 B", self.err.getvalue())
        self.assertEqual(self.verify("--listing"), Exit.DONE)
        self.assertIn("Nothing is missing.", self.out.getvalue())

    def test_missing(self) -> None:
        """Files and versions are named, with what became of them; the exit code says that there are some."""
        self.lose(b"old")
        self.lose(b"other")
        for more in ((), ("--listing",)):
            self.clear()
            self.assertEqual(self.verify(*more), Exit.DIFFERS)
            self.assertRegex(self.out.getvalue(), r"(?m)^damaged: a.txt \(version of .*\): the bucket has not kept")
            self.assertRegex(self.out.getvalue(), r"(?m)^damaged: d/b.txt: the bucket has not kept all of it$")
            self.assertEqual(self.out.getvalue().count("damaged:"), 2)
        self.assertIn("The bucket has not kept 2 contents.", self.out.getvalue())

    def test_json(self) -> None:
        """A line for each, and the sums."""
        self.lose(b"other")
        self.bucket.put(self.bucket.new_name(), b"orphan")
        self.assertEqual(self.verify("--json"), Exit.DIFFERS)
        lines = self.printed_json()
        self.assertEqual((lines[0]["name"], lines[0]["damage"]), ("d/b.txt", "unreadable"))
        self.assertEqual(lines[1]["summary"], {"files": 2, "versions": 1, "damaged": 1, "mended": 0})
        self.clear()
        self.assertEqual(self.verify("--listing", "--json"), Exit.DIFFERS)
        self.assertIn({"unnamed": 1, "unnamed_bytes": 6}, self.printed_json())

    def test_rate(self) -> None:
        """The rate that was typed is kept."""
        paced: list[float | None] = []

        class Watched(Pace):
            def __init__(self, rate: float | None) -> None:
                paced.append(rate)
                super().__init__(None)

        self.patch(verifying, "Pace", Watched)
        self.assertEqual(self.verify("--bwlimit", "2M"), Exit.DONE)
        self.assertEqual(paced, [2 * 1024 * 1024.0])

    def test_busy(self) -> None:
        """A bucket that does not answer ends it: nothing is damaged for that."""
        with mock.patch.object(self.bucket, "get_many", side_effect=Busy("the object store is away")):
            self.assertEqual(self.verify(), Exit.USAGE)
        self.assertIn("stopped: the object store is away", self.err.getvalue())
        self.assertEqual(self.out.getvalue(), "")
