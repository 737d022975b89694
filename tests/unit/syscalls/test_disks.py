"""What a file system keeps is learned from what comes back."""

from __future__ import annotations

import errno
import fcntl
import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.metadata.kept import EXACT, ChangeTime, same_mtime
from homeftp.model import SECOND_US
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks, is_common, learn, moves_ctime_late, where_kept, with_edges
from tests.support.coarsedisks import AnothersFiles, CoarseDisk
from tests.support.folders import open_folder

LONG_AGO = -5_000_000_000 * SECOND_US
"""A time in 1811."""


class DisksTests(SynchronousTestCase):
    """A folder, on a disk that keeps what the system says."""

    def setUp(self) -> None:
        self.folder, self.directory = open_folder(self)
        self.file = os.path.join(self.folder, "file")
        self.fd = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, self.fd)
        os.utime(self.fd, ns=(10**18, 10**18))
        self.device = os.fstat(self.fd).st_dev

    def disks(self, system: System) -> Disks:
        """Disks of which one may learn."""
        disks = Disks(system)
        disks.may_learn = True
        return disks

    def learned(self, system: System) -> Disks:
        """The same, with what is learned of the file."""
        disks = self.disks(system)
        disks.learn(os.fstat(self.fd), self.directory)
        return disks

    def test_exact(self) -> None:
        """This machine's own disk keeps modes and microseconds."""
        self.assertEqual(learn(System(), self.fd), EXACT)

    def test_steps(self) -> None:
        """The distance of the times is found out, whatever it is."""
        for step_us in (1, 10, 1000, 10_000, SECOND_US, 2 * SECOND_US):
            self.assertEqual(learn(CoarseDisk(step_us), self.fd).step_us, step_us)

    def test_modes(self) -> None:
        """A disk that refuses modes keeps none, and neither does one that ignores them."""
        for refuses in (False, True):
            self.assertFalse(learn(CoarseDisk(refuses_modes=refuses), self.fd).modes)

    def test_change_times(self) -> None:
        """The times of FAT and exFAT tell that their ctime is made up; those of others do not."""
        for step_us in (1, 10, 1000, 10_000, SECOND_US, 2 * SECOND_US):
            expected = ChangeTime.MTIME if step_us in (10_000, 2 * SECOND_US) else ChangeTime.CTIME
            self.assertIs(learn(CoarseDisk(step_us), self.fd).change_time, expected, step_us)

    def test_ctime_that_follows(self) -> None:
        """A ctime that is the mtime that was set is made up; unless that cannot be set."""
        shown, fstat = [True], os.fstat

        def following(fd: int) -> os.stat_result:
            found = fstat(fd)
            times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_mtime_ns}
            return os.stat_result(tuple(found), times if shown[0] else {**times, "st_ctime_ns": found.st_ctime_ns})

        with mock.patch("os.fstat", following):
            self.assertIs(learn(System(), self.fd).change_time, ChangeTime.MTIME)
            self.assertIs(learn(AnothersFiles(), self.fd).change_time, ChangeTime.CTIME)
            shown[0] = False
            self.assertIs(learn(System(), self.fd).change_time, ChangeTime.CTIME, "the control")

    def test_late_ctime(self) -> None:
        """A ctime that moves when a renamed file is closed is noticed, where files need names; no file is left."""
        close, writable = os.close, os.O_RDWR | os.O_WRONLY

        def moving(fd: int) -> None:
            if fcntl.fcntl(fd, fcntl.F_GETFL) & writable:
                os.fchmod(fd, 0o640)
            close(fd)

        with mock.patch("os.close", moving):
            self.assertTrue(moves_ctime_late(System(), self.directory))
            self.assertIs(self.learned(System()).of(self.device).change_time, ChangeTime.CTIME)
            with mock.patch.object(os, "O_TMPFILE", 1 << 30):
                self.assertIs(self.learned(System()).of(self.device).change_time, ChangeTime.LATE_CTIME)
        with mock.patch.object(os, "O_TMPFILE", 1 << 30):
            self.assertIs(self.learned(System()).of(self.device).change_time, ChangeTime.CTIME, "the control")
        self.assertEqual(os.listdir(self.folder), ["file"])

    def test_edges(self) -> None:
        """The first and last times are found, whether the disk takes the nearest one or any other instead."""
        for wraps in (False, True):
            system = CoarseDisk(wraps=wraps)
            kept = with_edges(system, self.fd, learn(system, self.fd))
            self.assertEqual((kept.first_us, kept.last_us), (system.first_us, system.last_us), wraps)

    def test_no_far_times(self) -> None:
        """A disk is not asked for times far beyond those that it keeps: a poor driver would crash."""
        system = CoarseDisk()
        with_edges(system, self.fd, learn(system, self.fd))
        self.assertGreater(min(system.times_set), 0)
        self.assertLess(max(system.times_set), 3 * system.last_us)

    def test_nothing_kept(self) -> None:
        """Where no time can be set, every time is the same."""
        kept = learn(AnothersFiles(), self.fd)
        self.assertFalse(kept.modes)
        self.assertTrue(same_mtime(5, kept.span(5), 10**15))

    def test_once(self) -> None:
        """It is learned once, the edges only when a time that not all disks keep is found, and no file is left."""
        system = CoarseDisk()
        disks = self.learned(system)
        asked = len(system.times_set)
        self.assertEqual(disks.of(self.device).step_us, 2 * SECOND_US)
        self.assertGreater(asked, 0)
        disks.learn(os.fstat(self.fd), self.directory)
        self.assertEqual(len(system.times_set), asked)
        os.utime(self.fd, ns=(0, 0))
        disks.learn(os.fstat(self.fd), self.directory)
        self.assertEqual(disks.of(self.device).first_us, system.first_us)
        self.assertEqual(os.listdir(self.folder), ["file"])

    def test_named(self) -> None:
        """Where a file cannot be without a name, it gets one, and goes; the folder keeps its time."""
        os.utime(self.folder, ns=(10**18, 10**18))
        made: list[str] = []
        with mock.patch.object(os, "O_TMPFILE", 1 << 30):

            class Watching(CoarseDisk):
                def set_mode(watching, fd: int, mode: int) -> None:
                    made.extend(os.listdir(self.folder))

            disks = self.learned(Watching())
        self.assertFalse(disks.of(self.device).modes)
        self.assertTrue(any(name.startswith(".homeftp-") for name in made), made)
        self.assertEqual(os.listdir(self.folder), ["file"])
        self.assertEqual(os.stat(self.folder).st_mtime_ns, 10**18)

    def test_not_allowed(self) -> None:
        """Nothing is learned where that is not allowed, or of a disk that is only mounted in the folder."""
        disks = Disks(CoarseDisk())
        disks.learn(os.fstat(self.fd), self.directory)
        self.assertEqual(disks.of(self.device), EXACT)
        other = os.stat("/proc")
        disks.may_learn = True
        disks.learn(other, self.directory)
        self.assertEqual(disks.of(other.st_dev), EXACT)
        self.assertEqual(disks.of(self.device), EXACT)

    def test_no_file(self) -> None:
        """Where no file can be made, the disk counts as exact, and is not tried again for each file."""
        disks = self.disks(CoarseDisk())
        broken = OSError(errno.EROFS, os.strerror(errno.EROFS))
        with mock.patch("os.open", side_effect=broken) as opened:
            disks.learn(os.fstat(self.fd), self.directory)
            tries = opened.call_count
            disks.learn(os.fstat(self.fd), self.directory)
            self.assertEqual(opened.call_count, tries)
        self.assertEqual(disks.of(self.device), EXACT)

    def test_set(self) -> None:
        """A time is set as near as the disk keeps it, with what is known of the disk and without."""
        for disks in (self.learned(CoarseDisk()), Disks(CoarseDisk())):
            for wanted, shown in ((LONG_AGO, 315_532_800), (1_714_560_001_999_999, 1_714_560_000)):
                disks.set_mtime(self.fd, wanted)
                self.assertEqual(os.fstat(self.fd).st_mtime_ns, shown * 10**9)
        Disks(System()).set_mtime(self.fd, 1_714_560_001_999_999)
        self.assertEqual(os.fstat(self.fd).st_mtime_ns, 1_714_560_001_999_999_000)

    def test_set_refused(self) -> None:
        """A mode or time that cannot be set is left; every other failure is raised."""
        disks = Disks(AnothersFiles())
        before = os.fstat(self.fd)
        disks.set_mode(self.fd, 0o644)
        disks.set_mtime(self.fd, 5)
        self.assertEqual(os.fstat(self.fd).st_mtime_ns, before.st_mtime_ns)
        for number in (errno.EIO, errno.ENOSPC, errno.EROFS):
            with self.assertRaises(OSError), where_kept():
                raise OSError(number, os.strerror(number))

    def test_mode(self) -> None:
        """Only the nine bits change, and nothing is called where they are right already."""
        os.chmod(self.folder, 0o2700)
        disks = Disks(System())
        disks.set_mode(self.directory, 0o750)
        self.assertEqual(os.stat(self.folder).st_mode & 0o7777, 0o2750)
        system = CoarseDisk()
        Disks(system).set_mode(self.directory, 0o750)
        self.assertEqual(system.modes_set, 0)

    def test_common(self) -> None:
        """Times of our days are kept everywhere; those before 1980 and after 2037 are not."""
        self.assertTrue(is_common(1_714_560_001_999_999))
        for other in (0, LONG_AGO, 2**31 * SECOND_US):
            self.assertFalse(is_common(other))
