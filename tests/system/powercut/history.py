"""What was put where, what was acknowledged, and between which two events of the disk."""

from __future__ import annotations

from typing import Callable, Iterator

import attrs


@attrs.define(eq=False)
class Version:
    """One content that was put at one path, or its removal; or a directory that was made."""

    content: bytes | None
    """None: nothing is there any more."""
    issued: int
    """The log's length when it was asked for; of a large file that was when all of it was there."""
    acknowledged: int | None = None
    """The log's length when its answer was there; None: it never was."""
    mode: int | None = None
    mtime_us: int | None = None
    """What a directory was to have, in microseconds since 1970; None: anything."""
    moves: bool = False
    """Whether a file that has another name gets this one, or loses it: by a rename from one directory to another."""

    def issued_by(self, position: int) -> bool:
        """Whether it had been asked for when the log was that long."""
        return self.issued <= position

    def acknowledged_by(self, position: int) -> bool:
        """Whether its answer was there when the log was that long."""
        return self.acknowledged is not None and self.acknowledged <= position


_NEVER = Version(None, -1, -1)
"""Nothing, which is there from the beginning."""


class History:
    """Of one workload; `length` gives the log's length now. One path has one put under way at a time."""

    def __init__(self, length: Callable[[], int]) -> None:
        self.files: dict[str, list[Version]] = {}
        """Each path's versions, in order."""
        self.directories: dict[str, Version] = {}
        self.pruned: dict[bytes, Version] = {}
        """The contents of versions that were removed for good, each with when."""
        self.uploads: list[tuple[int, str, bytes]] = []
        """Large files that can be resumed, each with the log's length when it began."""
        self.refusals: list[str] = []
        """Answers that say that something was not stored."""
        self._length = length

    def file(self, path: str, content: bytes | None, *, moves: bool = False) -> Version:
        """A file is about to be put, or removed."""
        version = Version(content, self._length(), moves=moves)
        self.files.setdefault(path, []).append(version)
        return version

    def upload(self, path: str, content: bytes) -> None:
        """A large file begins to arrive."""
        self.uploads.append((self._length(), path, content))

    def directory(self, path: str, mode: int | None = None, mtime_us: int | None = None) -> Version:
        """A directory is about to be made; nothing is stored in one with a time after its answer."""
        return self.directories.setdefault(path, Version(b"", self._length(), mode=mode, mtime_us=mtime_us))

    def prune(self, content: bytes) -> Version:
        """A version is about to be removed for good."""
        self.pruned[content] = Version(None, self._length())
        return self.pruned[content]

    def acknowledge(self, version: Version) -> None:
        """The answer is there."""
        if version.acknowledged is None:
            version.acknowledged = self._length()

    def refuse(self, path: str, reason: Exception) -> None:
        """The answer is that it was not stored."""
        self.refusals.append(f"{path}: {reason}")

    def acknowledgements(self) -> list[int]:
        """The log's lengths at all answers."""
        files = (version for each in self.files.values() for version in each)
        versions = [*self.directories.values(), *self.pruned.values(), *files]
        return sorted(version.acknowledged for version in versions if version.acknowledged is not None)

    def allowed(self, path: str, position: int) -> list[Version]:
        """What may be at `path` after a cut there: what was acknowledged last, or anything that was asked for since."""
        versions = [_NEVER, *(version for version in self.files[path] if version.issued_by(position))]
        last = max((n for n, version in enumerate(versions) if version.acknowledged_by(position)), default=0)
        return versions[last:]

    def issued_by(self, position: int) -> tuple[set[str], set[str]]:
        """The files, and the directories with all above them, that had been asked for by then."""
        files = {path for path, versions in self.files.items() if versions[0].issued_by(position)}
        made = {path for path, directory in self.directories.items() if directory.issued_by(position)}
        return files, made | _above(files | made)

    def moving(self, position: int) -> set[str]:
        """Files whose old names were being given to others, or taken, at that moment."""
        return {path for path, _ in self._moving(position)}

    def moving_contents(self, position: int) -> set[bytes]:
        """What those files hold. It may have been acknowledged under other names, before it was moved to these."""
        return {content for _, content in self._moving(position) if content is not None}

    def _moving(self, position: int) -> Iterator[tuple[str, bytes | None]]:
        """Each of those files, and what it holds, or held before its name was to be taken."""
        for path, versions in self.files.items():
            before = _NEVER
            for version in versions:
                if version.moves and version.issued_by(position) and not version.acknowledged_by(position):
                    yield path, before.content if version.content is None else version.content
                before = version

    def promised(self, path: str, position: int) -> list[Version]:
        """All versions that had been acknowledged at `path` by then, in order."""
        return [version for version in self.files[path] if version.acknowledged_by(position)]


def _above(paths: set[str]) -> set[str]:
    """All directories that these are in."""
    return {path[:end] for path in paths for end in range(len(path)) if path[end] == "/"}
