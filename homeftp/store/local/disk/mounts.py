"""The mount points beneath the root: where they were before, and by which paths one folder can be reached.

A disk that is not mounted leaves an empty folder on another disk. What is asked for there is refused: clients would
take it for the disk, and fill the other one. A bind mount gives a folder a second path; for that, only texts are
compared, those of /proc/self/mountinfo (proc(5)).
"""

from __future__ import annotations

import os
import re
from typing import Iterator, NamedTuple

from homeftp.endpoint import RESERVED, Endpoint
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.resolver import LOOKUP, Resolver
from homeftp.store.local.disk.spelling import wire_form
from homeftp.store.policy.wording import not_mounted

Parts = tuple[str, ...]

_OCTAL = re.compile(rb"\\([0-7]{3})")
_OCTAL_BASE = 8

_NO_DISKS = frozenset(
    b"autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs"
    b" overlay proc pstore ramfs rpc_pipefs securityfs squashfs sysfs tmpfs tracefs".split()
)
"""File systems of the kernel, of containers and in memory: they come and go without anything being lost."""


class MountedPart(NamedTuple):
    """A part of a file system that can be reached beneath the root."""

    device: bytes
    """Its number, as mountinfo has it."""
    top: Parts
    """The path of that part, from the top of its file system."""
    at: Parts
    """The path by which it is reached, from the root."""
    is_disk: bool = True
    """Whether it is a file system that keeps files."""


class Mounts:
    """The places beneath a root where disks are mounted, or were before. `root` is its descriptor.

    Every method that looks raises OSError. `points` is changed by one thread at a time.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.points: frozenset[Parts] = frozenset()
        """The known mount points, by their names on the wire."""

    def mounted(self, root: int, parts: list[MountedPart]) -> list[Parts]:
        """The places where disks are mounted now."""
        listed = [[wire_form(os.fsencode(name)) for name in part.at] for part in parts if part.is_disk]
        places = [tuple(map(os.fsdecode, names)) for names in listed if names]
        return [each for each in places if self._is_mounted(root, each)]

    def missing(self, root: int) -> list[Parts]:
        """The known places where no disk is mounted.

        An owner who wants to use the folder there as it is makes a metadata directory in it.
        """
        return [each for each in sorted(self.points) if self._find(root, each) is None]

    def depth(self, root: int, endpoint: Endpoint) -> int:
        """How many parts lead to the topmost directory on the same mount as `endpoint`."""
        depth = len(endpoint.parts)
        while depth and not self._is_mounted(root, endpoint.parts[:depth]):
            depth -= 1
        return depth

    def expect(self, root: int, endpoint: Endpoint) -> bool:
        """Raise `Busy` (51) if a disk on the way to an endpoint, or there, is not mounted; whether one is."""
        if not self.points:
            return False
        mounted = False
        try:
            for each in sorted((each for each in self.points if _starts(endpoint.parts, each)), key=len):
                found = self._find(root, each)
                if found is None:
                    raise not_mounted(endpoint)
                mounted = mounted or found
        except OSError as error:
            raise refusal(error, endpoint) from error
        return mounted

    def _find(self, root: int, place: Parts) -> bool | None:
        """Whether a disk is mounted at one of the places; None where it is missing."""
        try:
            if self._is_mounted(root, place):
                return True
            folder = self._resolver.open(root, place, LOOKUP)
            try:
                self._resolver.stat_entry(folder, RESERVED.encode())
            finally:
                close_quietly(folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return False

    def _is_mounted(self, root: int, place: Parts) -> bool:
        return not self._resolver.is_same_mount(root, place[:-1], place[-1])


def mounted_parts(mountinfo: bytes, root: str) -> list[MountedPart]:
    """The mounted parts beneath the directory with the path `root`, itself first; none without mountinfo."""
    around: MountedPart | None = None
    beneath = []
    for device, top, at, is_disk in _mounts(mountinfo):
        if _starts(at, _parts(root)):
            beneath.append(MountedPart(device, top, at[len(_parts(root)) :], is_disk))
        elif _starts(_parts(root), at) and (around is None or len(at) >= len(around.at)):
            around = MountedPart(device, top, at, is_disk)
    if around is not None and not any(part.at == () for part in beneath):
        beneath.insert(0, MountedPart(around.device, around.top + _parts(root)[len(around.at) :], ()))
    return sorted(beneath, key=lambda part: len(part.at))


def paths(folder: Parts, reached: list[MountedPart]) -> list[Parts]:
    """Every path of a folder, or of a part of it, beneath the root: first its own."""
    found = [folder]
    on = [part for part in reached if _starts(folder, part.at)]
    if on:
        path = on[-1].top + folder[len(on[-1].at) :]
        same = [part for part in reached if part.device == on[-1].device]
        found += [part.at + path[len(part.top) :] for part in same if _starts(path, part.top)]
        found += [part.at for part in same if _starts(part.top, path)]
    return list(dict.fromkeys(found))


def _mounts(mountinfo: bytes) -> Iterator[tuple[bytes, Parts, Parts, bool]]:
    """The device, the top and the mount point of each mount, and whether it is a disk."""
    for line in mountinfo.splitlines():
        _, _, device, top, at, *more = line.split(b" ")
        kind = more[more.index(b"-") + 1]
        yield device, _parts(_unescaped(top)), _parts(_unescaped(at)), kind not in _NO_DISKS


def _unescaped(path: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda code: bytes([int(code[1], _OCTAL_BASE)]), path))


def _parts(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part)


def _starts(parts: Parts, beginning: Parts) -> bool:
    return parts[: len(beginning)] == beginning
