"""The paths by which one folder can be reached beneath the root: a bind mount gives it a second one.

Only texts are compared here, those of /proc/self/mountinfo (proc(5)); nothing is opened.
"""

from __future__ import annotations

import os
import re
from typing import Iterator, NamedTuple

Parts = tuple[str, ...]

_OCTAL = re.compile(rb"\\([0-7]{3})")
_OCTAL_BASE = 8


class MountedPart(NamedTuple):
    """A part of a file system that can be reached beneath the root."""

    device: bytes
    """Its number, as mountinfo has it."""
    top: Parts
    """The path of that part, from the top of its file system."""
    at: Parts
    """The path by which it is reached, from the root."""


def mounted_parts(mountinfo: bytes, root: str) -> list[MountedPart]:
    """What can be reached beneath the directory with the path `root`, itself first; none without mountinfo."""
    around: MountedPart | None = None
    beneath = []
    for device, top, at in _mounts(mountinfo):
        if _starts(at, _parts(root)):
            beneath.append(MountedPart(device, top, at[len(_parts(root)) :]))
        elif _starts(_parts(root), at) and (around is None or len(at) >= len(around.at)):
            around = MountedPart(device, top, at)
    if around is not None and not any(part.at == () for part in beneath):
        beneath.insert(0, MountedPart(around.device, around.top + _parts(root)[len(around.at) :], ()))
    return sorted(beneath, key=lambda part: len(part.at))


def places(folder: Parts, reached: list[MountedPart]) -> list[Parts]:
    """Every path of a folder, or of a part of it, beneath the root: first its own."""
    found = [folder]
    on = [part for part in reached if _starts(folder, part.at)]
    if on:
        path = on[-1].top + folder[len(on[-1].at) :]
        same = [part for part in reached if part.device == on[-1].device]
        found += [part.at + path[len(part.top) :] for part in same if _starts(path, part.top)]
        found += [part.at for part in same if _starts(part.top, path)]
    return list(dict.fromkeys(found))


def _mounts(mountinfo: bytes) -> Iterator[tuple[bytes, Parts, Parts]]:
    """The device, the top and the mount point of each mount."""
    for line in mountinfo.splitlines():
        _, _, device, top, at, *_ = line.split(b" ")
        yield device, _parts(_unescaped(top)), _parts(_unescaped(at))


def _unescaped(path: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda code: bytes([int(code[1], _OCTAL_BASE)]), path))


def _parts(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part)


def _starts(parts: Parts, beginning: Parts) -> bool:
    return parts[: len(beginning)] == beginning
