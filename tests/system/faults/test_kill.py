"""C2: the process is killed before every system call that changes something, of every operation that changes something.

Between two such calls the process only reads, so a kill anywhere there leaves what a kill before the second leaves.
HOMEFTP_TESTS_LONG kills before the reading calls too.
"""

from __future__ import annotations

from tests.support.needs import LONG
from tests.system.faults.killing import KillCase
from tests.system.faults.scenarios import NAMING, SCENARIOS, SFTP


class KillTests(KillCase):
    """Every operation."""

    def test_kernel(self) -> None:
        """The old or the new content is complete, acknowledged writes exist, and the next start removes orphans."""
        self.check("kernel", SCENARIOS)

    def test_walking(self) -> None:
        """The same where the kernel has no openat2, no syncfs and no renameat2."""
        self.check("walking", SCENARIOS if LONG else NAMING)

    def test_sftp(self) -> None:
        """The same through SFTP, at each step of OPEN, WRITE, CLOSE and RENAME: nothing shows before its CLOSE."""
        self.check("kernel", SFTP)

    def test_sftp_later(self) -> None:
        """The control: where a RENAME or a CLOSE is answered before the store has done it, that is caught."""
        for scenario, name in (("sftp small", "to"), ("sftp in place", "file")):
            found = self.each(self.kill_at, self.points(scenario, "later"))
            self.assertTrue(any(f" {name} is " in wrong and " or " not in wrong for wrong in found), found)

    def test_in_place(self) -> None:
        """The control: a store that writes the new content over the old is caught half-way."""
        found = self.each(self.kill_at, self.points("large", "in place"))
        self.assertTrue(any("folder/file is " in wrong for wrong in found), found)

    def test_later(self) -> None:
        """The control: a store that answers before the rename is caught with an answer that is not true."""
        for scenario, name in (("large", "folder/file"), ("together new", "b/c")):
            found = self.each(self.kill_at, self.points(scenario, "later"))
            self.assertTrue(any(f" {name} is " in wrong and " or " not in wrong for wrong in found), found)

    def test_forgetful(self) -> None:
        """The control: a store that keeps no version of what it replaces is caught."""
        found = self.each(self.kill_at, self.points("large", "forgetful"))
        self.assertTrue(any("lost: the content of folder/file" in wrong for wrong in found), found)

    def test_littering(self) -> None:
        """The control: a store that leaves what it began under another name is caught, before the restart and after."""
        found = self.each(self.kill_at, self.points("large", "littering"))
        self.assertTrue(any("folder/file.tmp is " in wrong for wrong in found), found)
