"""What a store is given to do: files that are put, removed, moved, put back and pruned, large ones slowly; trees."""

from __future__ import annotations

import random
from typing import Callable, Iterator

from msgspec import structs

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import NotFound, Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.changes import Reversion, VersionId
from homeftp.model import ABSENT, WriteRequest
from homeftp.model import Version as StoredVersion
from homeftp.store.local.store import LocalStore
from tests.system.powercut.history import History, Version

_PATHS = ("a", "b", "c", "near/a", "near/b", "far/away/a", "far/away/b", "far/off")
"""Where files are put again and again. What is put only once goes into new directories."""

_SMALL = (0, 8, 300, 4096, 5000, 20000)
_LARGE = (150_000, 150_000, 300_000, MIB + 150_000)
"""The last one can be resumed where it was interrupted."""
_PIECE = 40_000
_DIRECTORY_METADATA = ((None, None), (0o700, 1_500_000_000_000_000), (0o750, 1_500_000_000_000_001))
"""Modes, and times in microseconds."""


class Workload:
    """Lets `store` change files as `chance` has it, and tells `history`.

    Several can work at once, in threads: each has files of its own `name`,
    but all use, and make, the same directories. `sync` makes the file system
    write all that it has in memory, as another program's sync would, or time.
    It is done in the middle of large files.
    """

    def __init__(
        self, name: str, store: LocalStore, history: History, chance: random.Random, sync: Callable[[], None]
    ) -> None:
        self._paths = [f"{path}{name}" for path in _PATHS]
        self._name = name
        self._store = store
        self._history = history
        self._chance = chance
        self._sync = sync
        self._new = 0
        self._large: dict[str, Iterator[None]] = {}
        self._existing: dict[str, bytes] = {}
        self._replaced: dict[str, list[bytes]] = {}
        """The versions of each path, the newest last."""

    def run(self, steps: int) -> None:
        """So many steps, and then what is needed to finish the large files that have been begun."""
        steps_of = [self._batch, self._batch, self._begin, self._go_on, self._go_on, self._make, self._tree]
        others = [self._remove, self._restore, self._move, self._revert, self._prune]
        for _ in range(steps):
            step = self._chance.choice(steps_of if self._chance.random() < 0.75 else others)
            try:
                step()
            except Refusal as refusal:
                self._history.refuse(step.__name__, refusal)
            if self._chance.random() < 0.2:
                self._sync()
        while self._large:
            self._go_on()

    def _batch(self) -> None:
        """A few small files together."""
        paths = self._choose(self._chance.choice([1, 1, 2, 3, 6]))
        puts, versions = [], []
        for path in paths:
            put, content = self._put(path, self._chance.choice(_SMALL))
            puts.append((put, content))
            versions.append(self._history.file(path, content))
        results = self._store.write_many(puts)
        for path, version, result in zip(paths, versions, results, strict=True):
            if isinstance(result, Exception):
                self._history.refuse(path, result)
            else:
                self._stands(path, version)

    def _tree(self) -> None:
        """New directories with files in them, or none, in one batch; some of them with a time and a mode."""
        self._new += 1
        top = f"tree{self._new}{self._name}"
        folders = [top, *(f"{top}/{number}" for number in range(self._chance.choice([1, 2, 5])))]
        folders += [f"{folder}/deep/er" for folder in folders[1:] if self._chance.random() < 0.3]
        entries: list[tuple[WriteRequest, bytes | None]] = []
        versions: list[Version] = []
        for folder in reversed(folders):  # its time is set when all of it is there
            for number in range(self._chance.choice([0, 0, 1, 2])):
                put, content = self._put(path := f"{folder}/file{number}", self._chance.choice(_SMALL))
                entries.append((put, content))
                versions.append(self._history.file(path, content))
            mode, mtime_us = self._chance.choice(_DIRECTORY_METADATA)
            entries.append((WriteRequest(endpoint=parse(folder), mode=mode, mtime_us=mtime_us), None))
            versions.append(self._history.directory(folder, mode, mtime_us))
        for (put, _), version, result in zip(entries, versions, self._store.write_many(entries), strict=True):
            if isinstance(result, Exception):
                self._history.refuse(str(put.endpoint), result)
            else:
                self._history.acknowledge(version)

    def _begin(self) -> None:
        """A large file; two at most are under way."""
        if len(self._large) < 2:
            (path,) = self._choose(1)
            self._large[path] = self._slowly(path)
        self._go_on()

    def _go_on(self) -> None:
        """The next piece of a large file that is under way."""
        if not self._large:
            return
        path = self._chance.choice(list(self._large))
        try:
            next(self._large[path])
        except StopIteration:
            del self._large[path]
        except Refusal as refusal:
            self._history.refuse(path, refusal)
            del self._large[path]

    def _slowly(self, path: str) -> Iterator[None]:
        """It, piece by piece; some are given up when all of it is there, and resumable ones are resumed."""
        put, content = self._put(path, self._chance.choice(_LARGE))
        self._history.upload(path, content)
        upload = self._store.upload(put)
        try:
            for start in range(0, len(content), _PIECE):
                upload.write(content[start : start + _PIECE])
                if self._chance.random() < 0.3:
                    self._sync()
                yield
                if start + _PIECE > MIB and self._chance.random() < 0.5:
                    upload.suspend()
                    yield
                    arrived = self._store.resume_point(put.endpoint, put.hash, put.size, put.mtime_us)
                    assert arrived is not None
                    upload = self._store.upload(structs.replace(put, offset=arrived.size))
                    for _ in upload.verify_resumed():
                        pass
            if self._chance.random() < 0.1:
                return
            version = self._history.file(path, content)
            upload.commit()
            self._stands(path, version)
        finally:
            upload.abort()

    def _make(self) -> None:
        """A directory in new directories; sometimes one that is there."""
        path = f"made{self._chance.randrange(8)}/in"
        directory = self._history.directory(path)
        self._store.make_directory(WriteRequest(endpoint=parse(path)))
        self._history.acknowledge(directory)

    def _remove(self) -> None:
        """A file."""
        for path in self._some(self._existing):
            version = self._history.file(path, None, moves=True)
            for _ in self._store.remove(parse(path), None, False):
                pass
            self._stands(path, version)

    def _restore(self) -> None:
        """The version of a file that was replaced or removed last."""
        for path in self._some(self._replaced):
            version = self._history.file(path, self._forget(path), moves=True)
            self._store.restore(parse(path), None, None)
            self._stands(path, version)

    def _revert(self) -> None:
        """Several files in one step, as RESTORE of a tree does: the newest version of each, or nothing."""
        history = self._store.history()
        assert history is not None
        free = [path for path in {**self._existing, **self._replaced} if path not in self._large]
        paths = self._chance.sample(free, min(self._chance.choice([2, 3, 6]), len(free)))
        reversions, versions = [], []
        for path in paths:
            content, at_us = None, None
            if path in self._replaced and self._chance.random() < 0.8:
                content, at_us = self._replaced[path][-1], self._newest(path).at_us
            elif path not in self._existing:
                continue
            reversions.append(Reversion(parse(path), at_us, None))
            versions.append((path, self._history.file(path, content, moves=True)))
        for (path, version), result in zip(versions, history.revert(reversions), strict=True):
            if isinstance(result, Exception):
                self._history.refuse(path, result)
                continue
            if version.content is not None:
                self._forget(path)
            self._stands(path, version)

    def _prune(self) -> None:
        """The newest version of a file, for good."""
        history = self._store.history()
        assert history is not None
        for path in self._some(self._replaced):
            newest = VersionId(parse(path), self._newest(path).at_us)
            pruned = self._history.prune(self._forget(path))
            (result,) = history.remove_versions([newest])
            if isinstance(result, Exception):
                self._history.refuse(path, result)
            else:
                self._history.acknowledge(pruned)

    def _newest(self, path: str) -> StoredVersion:
        """The newest version of a file. Raises `NotFound` (40) where a wrong store has lost it."""
        for page in self._store.versions(parse(path)):
            for version in page:
                return version
        raise NotFound(f"{path}: no version")

    def _forget(self, path: str) -> bytes:
        """The newest version of a file is no longer one; its content."""
        content = self._replaced[path].pop()
        if not self._replaced[path]:
            del self._replaced[path]
        return content

    def _move(self) -> None:
        """A file, to a name that is free or not."""
        for path in self._some(self._existing):
            (to,) = self._choose(1)
            if to != path:
                content = self._existing.pop(path)
                versions = [self._history.file(name, held, moves=True) for name, held in ((to, content), (path, None))]
                self._store.move(parse(path), parse(to), None, None)
                self._stands(to, versions[0])
                self._stands(path, versions[1])

    def _stands(self, path: str, version: Version) -> None:
        """It was answered; what stood there before, if something did, is a version now."""
        self._history.acknowledge(version)
        if path in self._existing:
            self._replaced.setdefault(path, []).append(self._existing.pop(path))
        if version.content is not None:
            self._existing[path] = version.content

    def _some(self, paths: dict[str, bytes] | dict[str, list[bytes]]) -> list[str]:
        """One of these to which nothing is under way, if there is one."""
        free = [path for path in paths if path not in self._large]
        return [self._chance.choice(free)] if free else []

    def _choose(self, count: int) -> list[str]:
        """So many different paths that nothing is under way to."""
        free = [path for path in self._paths if path not in self._large]
        paths = self._chance.sample(free, min(count, len(free)))
        if self._chance.random() < 0.3:
            self._new += 1
            paths[0] = f"new{self._new // 3}/{self._new}/{self._name}"
        return paths

    def _put(self, path: str, size: int) -> tuple[WriteRequest, bytes]:
        """A content unlike every other in each of its sectors; half of them on the condition that holds."""
        existing = self._existing.get(path)
        content = self._chance.randbytes(8 if existing == b"" else size)
        condition = None
        if self._chance.random() < 0.5:
            condition = ABSENT if existing is None else hash_bytes(existing)
        return WriteRequest(
            endpoint=parse(path), size=len(content), hash=hash_bytes(content), precondition=condition
        ), content
