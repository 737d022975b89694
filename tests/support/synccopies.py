"""Two copies of a folder that programs sync, and what is in them, in words."""

from __future__ import annotations

import os
import re
import shutil
import stat
from typing import Mapping, NamedTuple

import attrs

from homeftp.endpoint import RESERVED

BEFORE, AFTER, LATER = times = (1_600_000_000, 1_700_000_000, 1_700_000_060)
"""Times of files, in seconds since 1970: of those that both sides agreed on, and of edits since."""

WORDS = dict(zip(times, ("before", "after", "later"), strict=True))

FILES = {"a.txt": "one", "b.txt": "other", "d/x": "x", "d/y": "yy", "d/sub/z": "zzz", "stays/1": "1", "stays/2": "2"}
"""What both sides agreed on, in each scenario."""

Files = dict[str, str]
"""What is at each name, in words: the content, mode and time of a file, the mode of a directory."""


@attrs.frozen
class Copy:
    """One of the two copies of a scenario's folder; what changes it returns it.

    Files have a `mark`, so that each scenario has other contents.
    """

    path: str
    mark: str

    def at(self, name: str) -> str:
        """The path of a name."""
        return os.path.join(self.path, *name.split("/"))

    def put(self, name: str, content: str, time: int = AFTER) -> Copy:
        """Write a file, and the directories around it."""
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "w", encoding="utf-8") as file:
            file.write(content and f"{self.mark} {content}")
        return self.chmod(name, 0o644).touch(name, time)

    def chmod(self, name: str, mode: int) -> Copy:
        """Change a mode."""
        os.chmod(self.at(name), mode)
        return self

    def touch(self, name: str, time: int) -> Copy:
        """Change a time."""
        os.utime(self.at(name), (time, time))
        return self

    def rename(self, old: str, new: str) -> Copy:
        """Rename a file or directory."""
        os.renames(self.at(old), self.at(new))
        return self

    def remove(self, name: str) -> Copy:
        """Remove a file, or a directory with all that is in it."""
        if os.path.isdir(self.at(name)):
            shutil.rmtree(self.at(name))
        else:
            os.unlink(self.at(name))
        return self

    def files(self) -> Files:
        """What is there; homeftp's own is not."""
        found = {}
        for top, directories, names in os.walk(self.path):
            directories[:] = [name for name in directories if name != RESERVED]
            for name in (*directories, *names):
                path = os.path.join(top, name)
                found[_DATED.sub(_undated, os.path.relpath(path, self.path))] = self._described(path)
        return found

    def _described(self, path: str) -> str:
        status = os.lstat(path)
        mode = f"{stat.S_IMODE(status.st_mode):o}"
        if stat.S_ISLNK(status.st_mode):
            return f"-> {os.readlink(path)}"
        if stat.S_ISDIR(status.st_mode):
            return f"folder {mode}"  # neither program syncs its time
        with open(path, encoding="utf-8") as file:
            content = file.read().removeprefix(self.mark).strip()
        return f"{content} {mode} {WORDS[int(status.st_mtime)]}".strip()


_DATED = re.compile(r"conflict from (.+) \d{4}-\d{2}-\d{2}")


def _undated(found: re.Match[str]) -> str:
    """The name of a conflict's copy, the same on every machine and day."""
    return f"conflict from {'the server' if found[1] == 'the server' else 'MACHINE'} DAY"


def differences(now: Files, before: Files) -> dict[str, str | None]:
    """What is there now and was not, or was something else; None for what is gone."""
    return {name: now.get(name) for name in {*now, *before} if now.get(name) != before.get(name)}


class Both(NamedTuple):
    """What a program makes of a scenario: the differences of each side from what was agreed on."""

    here: Mapping[str, str | None]
    there: Mapping[str, str | None]


def alike(**differences: str | None) -> Both:
    """Both sides have these differences; `_` stands for `.` in a name, and `__` for `/`."""
    named = {name.replace("__", "/").replace("_", "."): found for name, found in differences.items()}
    return Both(named, named)
