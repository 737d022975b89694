"""Learning what the disks of local files keep of times and modes, in the folders of these files. Blocks."""

from __future__ import annotations

import os
from typing import Iterable

from homeftp.client.files.model import HAS_MODES, FileStat
from homeftp.syscalls.disks import Disks


def learn_folder(disks: Disks, path: str) -> None:
    """Learn what the disk of a folder keeps. Raises nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return  # it was removed meanwhile
    learn_disks(disks, [FileStat("", path, found)])


def learn_disks(disks: Disks, files: Iterable[FileStat]) -> None:
    """Learn what the disks of these files and folders keep. Raises nothing.

    A file is made beside each and removed, on most disks without a name.
    """
    disks.may_learn = HAS_MODES  # Windows opens no folders, and its disks keep all times to 100 ns
    for file in files:
        folder = file.path if file.is_directory else os.path.dirname(file.path)
        try:
            fd = os.open(folder or ".", os.O_RDONLY)
        except OSError:
            continue  # it is removed by now, or cannot be read: then nothing in it is compared
        try:
            disks.learn(file.stat, fd)
        finally:
            os.close(fd)
