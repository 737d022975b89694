"""A file that grows is given to the disk in parts, one at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.staging.writeback import WRITEBACK, Writeback
from homeftp.syscalls import System

FD = 7


class RecordingSystem(System):
    """Records what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, int, int]] = []

    def start_writeback(self, fd: int, offset: int, length: int) -> None:
        """Record it."""
        assert fd == FD
        self.told.append(("start", offset, length))

    def await_writeback(self, fd: int, offset: int, length: int) -> None:
        """Record it."""
        assert fd == FD
        self.told.append(("await", offset, length))


class WritebackTests(SynchronousTestCase):
    """Writeback."""

    def setUp(self) -> None:
        """A new file."""
        self.system = RecordingSystem()
        self.writeback = Writeback(self.system, FD)

    def test_grown(self) -> None:
        """Each part is given when it is large enough, without gaps, and when the one before it is written."""
        for size in (WRITEBACK - 1, WRITEBACK, WRITEBACK + 1, 3 * WRITEBACK, 4 * WRITEBACK):
            self.writeback.grown(size)
        one = WRITEBACK
        self.assertEqual(
            self.system.told,
            [
                ("start", 0, one),
                ("await", 0, one),
                ("start", one, 2 * one),
                ("await", one, 2 * one),
                ("start", 3 * one, one),
            ],
        )

    def test_wait(self) -> None:
        """What was given is waited for, once; what was not given is not."""
        self.writeback.wait()
        self.writeback.grown(WRITEBACK)
        self.writeback.wait()
        self.writeback.wait()
        self.writeback.grown(2 * WRITEBACK)
        one = WRITEBACK
        self.assertEqual(self.system.told, [("start", 0, one), ("await", 0, one), ("start", one, one)])

    def test_cut(self) -> None:
        """What is written again behind a cut is given again; what is not there any more is not waited for."""
        self.writeback.grown(2 * WRITEBACK)
        self.writeback.cut(0)
        self.writeback.grown(WRITEBACK)
        self.assertEqual(self.system.told, [("start", 0, 2 * WRITEBACK), ("start", 0, WRITEBACK)])
        self.writeback.cut(2 * WRITEBACK)
        self.writeback.grown(2 * WRITEBACK)
        self.assertEqual(
            self.system.told[2:], [("await", 0, WRITEBACK), ("start", WRITEBACK, WRITEBACK)], "the control"
        )

    def test_changed_before_its_end(self) -> None:
        """A change of what was given gives nothing: the next fsync has it."""
        self.writeback.grown(WRITEBACK)
        self.writeback.grown(WRITEBACK // 2)
        self.assertEqual(len(self.system.told), 1)
