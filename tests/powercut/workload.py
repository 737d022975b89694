"""What a store is given to do: files replaced again and again, small ones together, large ones slowly; directories."""

from __future__ import annotations

import random
from typing import Callable, Iterator, Protocol, Sequence

from homeftp.errors import Refusal
from homeftp.interfaces import IIncoming
from homeftp.tree import hash_bytes
from homeftp.values import Put
from homeftp.wire.endpoint import parse
from homeftp.wire.messages import ABSENT, Entry
from tests.powercut.history import History

_PATHS = ("a", "b", "c", "near/a", "near/b", "far/away/a", "far/away/b", "far/off")
"""Where files are put again and again. What is put only once goes into new directories."""

_SMALL = (0, 1, 300, 4096, 5000, 20000)
_LARGE = (150_000, 150_000, 300_000)
_PIECE = 40_000


class Store(Protocol):
    """The part of IShare that writes."""

    def put_many(self, puts: Sequence[tuple[Put, bytes]]) -> Sequence[Entry | Exception]:
        """Small files."""

    def begin(self, put: Put) -> IIncoming:
        """A large file."""

    def make_directory(self, put: Put) -> Entry:
        """A directory."""

    def close(self) -> None:
        """The end."""


class Workload:
    """Puts files into `store` as `chance` has it, and tells `history`.

    Several can work at once, in threads: each puts files of its own `name`,
    but all use, and make, the same directories. `settle` makes the file system
    write all that it has in memory, as another program's sync would, or time.
    It is done in the middle of large files.
    """

    def __init__(
        self, name: str, store: Store, history: History, chance: random.Random, settle: Callable[[], None]
    ) -> None:
        self._paths = [f"{path}{name}" for path in _PATHS]
        self._name = name
        self._store = store
        self._history = history
        self._chance = chance
        self._settle = settle
        self._new = 0
        self._large: dict[str, Iterator[None]] = {}

    def run(self, steps: int) -> None:
        """So many steps, and then what is needed to finish the large files that have been begun."""
        for _ in range(steps):
            step = self._chance.choice([self._batch, self._batch, self._begin, self._go_on, self._go_on, self._make])
            step()
            if self._chance.random() < 0.2:
                self._settle()
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
        results = self._store.put_many(puts)
        for path, version, result in zip(paths, versions, results, strict=True):
            if isinstance(result, Exception):
                self._history.refuse(path, result)
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
        """It, piece by piece; some are given up when all of it is there."""
        put, content = self._put(path, self._chance.choice(_LARGE))
        incoming = self._store.begin(put)
        try:
            for start in range(0, len(content), _PIECE):
                incoming.write(content[start : start + _PIECE])
                if self._chance.random() < 0.3:
                    self._settle()
                yield
            if self._chance.random() < 0.1:
                return
            version = self._history.file(path, content)
            incoming.commit()
            self._history.acknowledge(version)
        finally:
            incoming.abort()

    def _make(self) -> None:
        """A directory in new directories; sometimes one that is there."""
        path = f"made{self._chance.randrange(8)}/in"
        directory = self._history.directory(path)
        self._store.make_directory(Put(endpoint=parse(path)))
        self._history.acknowledge(directory)

    def _choose(self, count: int) -> list[str]:
        """So many different paths that nothing is under way to."""
        free = [path for path in self._paths if path not in self._large]
        paths = self._chance.sample(free, min(count, len(free)))
        if self._chance.random() < 0.3:
            self._new += 1
            paths[0] = f"new{self._new // 3}/{self._new}/{self._name}"
        return paths

    def _put(self, path: str, size: int) -> tuple[Put, bytes]:
        """A content unlike every other in each of its sectors; half of them on the condition that holds."""
        content = self._chance.randbytes(size)
        standing = self._history.files.get(path, [])
        condition = None
        if self._chance.random() < 0.5 and all(version.acknowledged is not None for version in standing[-1:]):
            condition = hash_bytes(standing[-1].content) if standing else ABSENT
        return Put(endpoint=parse(path), size=size, hash=hash_bytes(content), if_hash=condition), content
