"""The file systems that the power is cut under: how each is made, and what a start of the computer does with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Iterator

import attrs

from tests.support import loops

_MIB = 2**20

EXT4 = ("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0")
"""Lazily, the kernel would go on making it while the workload runs."""

PROGRAMS = ("mkfs.ext4", "e2fsck", "mkfs.xfs", "mkfs.btrfs")
"""What must be installed."""


class Unmountable(Exception):
    """The disk does not come up again; says why."""


@attrs.frozen(kw_only=True)
class FileSystem:
    """One of them, with its options."""

    name: str
    type: str
    make_command: tuple[str, ...]
    size: int
    """Bytes of the disk."""
    options: str = ""
    journaled: bool = True
    """Whether it keeps its own changes in order; otherwise it is checked before it is mounted."""
    sector: int = 512
    """Bytes that the disk must write as a whole: 512, or the 4096 of today's disks."""

    def make(self, image: str) -> None:
        """A new one, in the file `image`."""
        with open(image, "xb") as file:
            file.truncate(self.size)
        with loops.without_unmounts() if self.type == "btrfs" else contextlib.nullcontext():
            _run(*self.make_command, image)

    @contextlib.contextmanager
    def mounted(self, image: str, point: str) -> Iterator[None]:
        """Mount the disk in `image`. Raises `Unmountable`."""
        device = self._mount(image, point)
        try:
            yield
        finally:
            loops.unmount_disk(image, point, device)

    @contextlib.contextmanager
    def started(self, image: str, point: str) -> Iterator[None]:
        """Mount it as a start of the computer does after a power cut. Raises `Unmountable`.

        Of the three, only ext4 is checked at a start. Here that is done when
        it has no journal or cannot be mounted, so that otherwise it is the
        kernel that goes through the journal, as it is with disks that
        /etc/fstab does not have checked.
        """
        if not self.journaled:
            _check(image)
        try:
            device = self._mount(image, point)
        except Unmountable:
            if self.type != "ext4":
                raise
            _check(image)
            device = self._mount(image, point)
        try:
            yield
        finally:
            loops.unmount_disk(image, point, device)

    def _mount(self, image: str, point: str) -> int:
        try:
            return loops.mount_disk(image, point, self.type, self.options)
        except OSError as error:
            raise Unmountable(f"{error}") from None


FILE_SYSTEMS = {
    each.name: each
    for each in (
        # Large enough for a second superblock: without one nothing helps when the first is torn.
        FileSystem(name="ext4", type="ext4", make_command=EXT4, size=160 * _MIB),
        FileSystem(name="ext4-writeback", type="ext4", make_command=EXT4, size=160 * _MIB, options="data=writeback"),
        FileSystem(
            name="ext4-no-journal",
            type="ext4",
            make_command=(*EXT4, "-O", "^has_journal"),
            size=160 * _MIB,
            journaled=False,
        ),
        # Neither survives it when a disk tears 4096 bytes that are the file system's own. A checksum is wrong then:
        # of a directory's block while XFS goes through its log, of the only superblock that btrfs mounts by.
        FileSystem(name="xfs", type="xfs", make_command=("mkfs.xfs", "-q"), size=300 * _MIB, sector=4096),
        FileSystem(name="btrfs", type="btrfs", make_command=("mkfs.btrfs", "-q"), size=128 * _MIB, sector=4096),
    )
}
"""Each by its name."""


def _check(image: str) -> None:
    """The check of ext4 before it is mounted, and the repair by hand where that is not enough."""
    for how in ("-p", "-y"):
        done = subprocess.run(
            ["e2fsck", how, image], capture_output=True, text=True, errors="replace", env=_environment(), check=False
        )
        if done.returncode & ~3 == 0:
            return
    raise Unmountable(" ".join(done.stdout.split()))


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, errors="replace", env=_environment(), check=True)


def _environment() -> dict[str, str]:
    """Ours, with the folders in which Debian has programs for root."""
    return {**os.environ, "PATH": os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])}
