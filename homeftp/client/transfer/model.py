"""What a transfer does with each file: the values that its parts hand to each other and to whoever watches."""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING, Awaitable, Callable, Iterable, Iterator, NamedTuple

import attrs

from homeftp.client.files.read import MODES, Content, FileStat, SourceFile
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IWorkers
from homeftp.model import Entry
from homeftp.syscalls import System

if TYPE_CHECKING:
    from homeftp.client.transfer.retry import Reconnector


class Outcome(enum.Enum):
    """What became of a file or directory."""

    SAME = "same"
    """Both copies were the same already."""
    NEW = "new"
    """It was put where nothing was."""
    REPLACED = "replaced"
    """It took the place of another content."""
    METADATA = "metadata"
    """The content was the same; time or mode were brought up to date."""
    NEWER = "newer"
    """Left alone: what is at the target is newer, and differs."""
    SUSPICIOUS = "suspicious"
    """Left alone: size and time are the same and the content is not, so one of the copies may be damaged."""
    EXISTS = "exists"
    """Left alone: something is at the target, and nothing was to be replaced."""
    DIFFERS = "differs"
    """Compared: the copies are not the same."""
    MISSING = "missing"
    """Compared: it is only here."""
    EXTRA = "extra"
    """Compared: it is only at the server."""
    SKIPPED = "skipped"
    """It is nothing to send: a link or a device, or what the server's owner does not share."""
    REFUSED = "refused"
    """The server would not have it, or not give it."""
    FAILED = "failed"
    """It could not be read or written, was changed meanwhile, or has a name that not every system can hold."""

    CORRUPT = "corrupt"
    """What arrived is not what the server says it sent. It was thrown away."""


DONE = frozenset({Outcome.SAME, Outcome.NEW, Outcome.REPLACED, Outcome.METADATA, Outcome.SKIPPED})
"""After these, what can be the same at both places is."""


class FileResult(NamedTuple):
    """What became of one file or directory."""

    outcome: Outcome
    name: str
    """Relative to what was sent, fetched or compared; "" is that itself."""
    size: int = 0
    reason: str = ""
    differs: tuple[str, ...] = ()
    """What differs: of hash, size, mtime_us and mode."""
    kind: str = "file"
    """`file`, `directory`, or `other` where that is not known or it is neither."""
    within: str | None = None
    """Compared: the top-most directory that is at one place only, where this is below one."""
    holds: tuple[int, int] | None = None
    """Compared: how many files and directories are below it, where it is such a directory itself."""


class FileTask:
    """A file that is being looked at: what is here, what is there, and how they compare."""

    __slots__ = ("closing", "content", "differs", "failure", "local", "name", "open", "remote", "weight")

    def __init__(self, name: str, local: FileStat | None, remote: Entry | None) -> None:
        self.name = name
        self.local = local
        self.remote = remote
        self.content: Content | None = None
        """What was read here."""
        self.open: SourceFile | None = None
        """A large file, open."""
        self.closing: Callable[[], object] | None = None
        """How to close it where it is being sent: an answer may come before the end of what it answers."""
        self.failure: Exception | None = None
        """Why it could not be read here or compared there."""
        self.differs: tuple[str, ...] = ()
        """What differs, once both are known."""
        self.weight = 0
        """Bytes that it may keep in memory."""

    @property
    def size(self) -> int:
        """Bytes of content: here, or where it is not here, there."""
        return self.local.size if self.local else self.remote.size if self.remote else 0


@attrs.frozen
class TransferOptions:
    """What a person decided about a transfer."""

    recursive: bool = False
    force: bool = False
    """Replace whatever is at the target, newer or not, changed meanwhile or not."""
    new_only: bool = False
    """Replace nothing."""
    ask: Callable[[str, FileResult], Awaitable[bool]] | None = None
    """Whether to replace what is newer at the target, or suspicious; None: leave it alone."""


@attrs.frozen
class TransferContext:
    """What a transfer works with besides the connection."""

    workers: IWorkers
    system: System
    index: HashCache | None = None
    line: Reconnector | None = None
    """Makes the connection again when it breaks; without it a transfer ends then."""


@attrs.define
class TransferObserver:
    """Whom a transfer tells what it does, as it goes; and the sum of it."""

    on_item: Callable[[FileResult], None] = lambda item: None
    on_plan: Callable[[int, int], None] = lambda files, size: None
    """So many files more are to be looked at, of so many bytes."""
    on_bytes: Callable[[int], None] = lambda size: None
    """So many bytes of content are done with: moved, or found to be the same."""
    on_again: Callable[[], None] = lambda: None
    """The connection broke and was made again: what was planned is planned anew, and what is done is counted anew."""
    on_resumed: Callable[[str, int], None] = lambda name, size: None
    """A file is gone on with from so many bytes on that are there already."""
    on_alive: Callable[[], None] = lambda: None
    """Something got on."""
    counts: Counter[Outcome] = attrs.field(factory=Counter)
    """How many came to each outcome: files, and directories where something was done or is to be told of them."""
    kinds: Counter[tuple[Outcome, str]] = attrs.field(factory=Counter)
    """The same for each kind."""
    moved: int = 0
    """Bytes of content that crossed the wire."""
    done: set[str] = attrs.field(factory=set)
    """The endpoints of the files that are done with."""
    useless: Counter[str] = attrs.field(factory=Counter)
    """The endpoints of files of which the server could not use what had arrived, and how often that was so."""
    _told: set[tuple[str, str, Outcome]] = attrs.field(factory=set)
    _told_before: frozenset[tuple[str, str, Outcome]] = frozenset()

    def again(self) -> None:
        """The connection was made again, and the whole is begun anew: what is done stays done."""
        self._told_before = frozenset(self._told)
        self.on_again()

    def item(self, item: FileResult, endpoint: str | None = None) -> None:
        """One file, at that endpoint, or something else is done with; what was told of that is not told again."""
        if endpoint is not None:
            self.done.add(endpoint)
        else:
            key = (item.name, item.kind, item.outcome)
            if key in self._told_before:
                return
            self._told.add(key)
        self.on_alive()
        self.counts[item.outcome] += 1
        self.kinds[item.outcome, item.kind] += 1
        self.on_item(item)

    def bytes(self, size: int, *, moved: bool) -> None:
        """So many bytes of content are done with."""
        if moved:
            self.moved += size
            self.on_alive()
        self.on_bytes(size)


def differing(local: FileStat, remote: Entry) -> tuple[str, ...]:
    """The metadata that differ, size among them."""
    found = local.found
    differs = [] if found.st_size == remote.size else ["size"]
    if remote.mtime_us != found.st_mtime_ns // 1000:
        differs.append("mtime_us")
    if MODES and remote.mode != found.st_mode & 0o777:
        differs.append("mode")
    return tuple(differs)


def suspicious(differs: tuple[str, ...]) -> bool:
    """Whether the content changed without leaving a trace in size or time: a person should look at both copies."""
    return "hash" in differs and not {"size", "mtime_us"} & set(differs)


def mtime_us(entry: Entry) -> int | None:
    """When the server's file was last written."""
    return entry.mtime_us


EndpointOf = Callable[[str], str]
"""The endpoint of what has a name in a tree."""


def undone(cases: Iterable[FileTask], place: EndpointOf, watch: TransferObserver) -> Iterator[FileTask]:
    """The cases that are not done with yet, from before the connection was made again."""
    for case in cases:
        if place(case.name) not in watch.done:
            yield case
        else:
            watch.bytes(case.size, moved=False)


def below(base: str) -> EndpointOf:
    """The endpoints of what is below `base`."""
    return lambda name: f"{base}/{name}" if base and name else base or name
