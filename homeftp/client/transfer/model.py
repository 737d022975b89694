"""The values of a transfer: what it works with, one file's task, and one file's result. No input and no output."""

from __future__ import annotations

import enum
from typing import Awaitable, Callable, NamedTuple

import attrs
import msgspec

from homeftp.client.files.model import FileStat
from homeftp.client.files.read import Content
from homeftp.client.files.source import SourceFile
from homeftp.client.reconnector import IReconnector
from homeftp.client.seen.store import SeenStore
from homeftp.client.selection import DEFAULT_SELECTION, Selection
from homeftp.endpoint import parse
from homeftp.hashing.hashcache import HashCache
from homeftp.history.writer import Writer
from homeftp.host import own_umask
from homeftp.interfaces import IWorkers
from homeftp.model import Entry
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks

DAMAGED_COPY = "the server's disk has not kept its content. Push the file again, or restore a version of it."
"""The reason of results that are `Outcome.DAMAGED`."""

DAMAGED_VERSION = "the server's disk has not kept that version. Choose another time: `homeftp versions` lists them."
"""The reason for a version, which `get` with `as_of` asked for."""


class Outcome(enum.Enum):
    """The outcome for a file or directory."""

    SAME = "same"
    """Both copies were the same already."""
    NEW = "new"
    """It was stored where nothing was."""
    REPLACED = "replaced"
    """It replaced another content."""
    METADATA = "metadata"
    """The content was the same; only its time or mode was updated."""
    NEWER = "newer"
    """Not replaced: the target is newer, and its content differs."""
    SUSPICIOUS = "suspicious"
    """Compared, or not replaced: content differs though size and time are the same; one copy may be damaged."""
    CONFLICT = "conflict"
    """Not replaced: the server has a content that this machine has not seen there."""
    EXISTS = "exists"
    """Not replaced: the target exists, and existing files were to be ignored."""
    DIFFERS = "differs"
    """Compared: the copies differ, and this is not suspicious."""
    MISSING = "missing"
    """Compared: it exists only locally."""
    EXTRA = "extra"
    """Compared: it exists only on the server."""
    DELETED = "deleted"
    """It was only at the target, and was deleted there."""
    RENAMED = "renamed"
    """It was renamed as on the other side, or so that both contents of a conflict are kept."""
    MERGED = "merged"
    """Both sides had changed it, and both have both changes now."""
    SKIPPED = "skipped"
    """It cannot be a part of a transfer: a link, a device, or a file that the server does not share."""
    REFUSED = "refused"
    """The server refused to store it or to send it."""
    FAILED = "failed"
    """It could not be read or written, was changed meanwhile, or has a name that not every system can hold."""
    DAMAGED = "damaged"
    """The server has not kept the content of its copy."""
    MENDED = "mended"
    """The server had not kept the content of its copy, and got it again."""
    CORRUPT = "corrupt"
    """The bytes do not have the hash that the server gave for them; a download was discarded."""

    @property
    def done(self) -> bool:
        """Whether both copies are the same now, or never could be."""
        return self in _DONE


_DONE = (
    Outcome.SAME,
    Outcome.NEW,
    Outcome.REPLACED,
    Outcome.METADATA,
    Outcome.SKIPPED,
    Outcome.MENDED,
    Outcome.DELETED,
    Outcome.RENAMED,
    Outcome.MERGED,
)


class CopyStat(NamedTuple):
    """One of the two copies of a file, as it was compared."""

    size: int
    """Bytes of content."""
    mtime_us: int | None
    """Microseconds since 1970 UTC; None where the server does not know it."""
    writer: Writer | None = None
    """The writer of the server's copy, where the user is asked about a conflict and the server tells."""


class FileResult(NamedTuple):
    """The result for one file or directory."""

    outcome: Outcome
    name: str
    """Relative to the folder that was transferred; "" is the named file or folder itself."""
    size: int = 0
    """Bytes of content."""
    reason: str = ""
    """Why, in words for people; "" where the outcome says all."""
    differs: tuple[str, ...] = ()
    """The fields that differ: of hash, size, mtime_us and mode."""
    kind: str = "file"
    """`file`, `directory`, or `other` where it is neither or not known."""
    within: str | None = None
    """Compared: the topmost directory above this one that exists on one side only; None where there is none."""
    holds: tuple[int, int] | None = None
    """Compared: the number of files and directories below, where this is such a topmost directory."""
    local: CopyStat | None = None
    """The copy on this machine, where the user is asked whether to replace one by the other; else None."""
    remote: CopyStat | None = None
    """The copy on the server; the same."""
    hash: str | None = None
    """The content of a file that both sides have now, where it was sent, fetched or compared; else None."""


class FileTask:
    """One file of a transfer: its local stat, its entry on the server, and how they compare."""

    __slots__ = (
        "close_source",
        "content",
        "differs",
        "failure",
        "fetched",
        "local",
        "name",
        "remote",
        "seen",
        "source",
        "weight",
    )

    def __init__(self, name: str, local: FileStat | None, remote: Entry | None) -> None:
        self.name = name
        self.local = local
        self.remote = remote
        self.content: Content | None = None
        """The content that was read locally."""
        self.source: SourceFile | None = None
        """The open local file, where it is large."""
        self.close_source: Callable[[], object] | None = None
        """Closes `source` while it is being sent: an answer may come before the last byte is read."""
        self.fetched: str | None = None
        """The hash of the content that has replaced the local one."""
        self.seen: frozenset[str] | None = None
        """Hashes of contents of the server's file that this machine has seen; None where it was not looked up."""
        self.failure: Exception | None = None
        """Why the file could not be read locally or compared on the server."""
        self.differs: tuple[str, ...] = ()
        """The fields that differ, once both sides are known."""
        self.weight = 0
        """Bytes of memory that the task may hold."""

    def with_copies(self, result: FileResult, writer: Writer | None = None) -> FileResult:
        """The result, with the stat of both copies; `writer` stored the one on the server."""
        local, remote = self.local, self.remote
        return result._replace(
            local=None if local is None else CopyStat(local.size, local.mtime_us),
            remote=None if remote is None else CopyStat(remote.size, remote.mtime_us, writer),
        )

    @property
    def local_hash(self) -> str | None:
        """The hash of the local content, as far as it was read or fetched."""
        if self.fetched is not None:
            return self.fetched
        if self.source is not None and self.source.hash is not None:
            return self.source.hash
        return None if self.content is None else self.content.hash

    def hash_after(self, outcome: Outcome) -> str | None:
        """The hash of the content that both copies have after an outcome; None where they may differ."""
        return self.local_hash if outcome.done else None

    @property
    def size(self) -> int:
        """Bytes of content of the local file, or of the server's where there is no local one."""
        return self.local.size if self.local else self.remote.size if self.remote else 0


class DeletionPlan(msgspec.Struct, frozen=True):
    """The files that only the target has, and that are deleted at the end: none that the selection leaves out."""

    files: tuple[str, ...]
    """Names, as in the results."""
    directories: tuple[str, ...]
    """Names; each comes after those in it."""
    size: int
    """Bytes of content of these files."""
    total: int
    """The number of files that the target has now."""


class TransferOptions(msgspec.Struct, frozen=True):
    """The user's decisions about a transfer."""

    recursive: bool = False
    """Transfer folders with their content."""
    force: bool = False
    """Replace the target even if it is newer, was not seen, or was changed meanwhile.

    At the target, files that were named are read again as with `reread`; those in folders are not.
    """
    reread: bool = False
    """Have both sides read all files again, whatever they remember of them."""
    perms: bool = False
    """Also change the mode of folders that exist at the target already."""
    ignore_existing: bool = False
    """Replace nothing."""
    dry_run: bool = False
    """Transfer and change nothing: the results say what would become of each file and folder."""
    as_of: int | None = None
    """Get what was on the server at that time: microseconds since 1970 UTC, by its clock. None: what is there now."""
    selection: Selection = DEFAULT_SELECTION
    """Which files and folders in a folder are transferred."""
    delete: bool = False
    """Delete what is only in the target folder, at the end, if everything was transferred."""
    max_delete: int | None = None
    """The most files that may be deleted; None: half of those in the target folder."""
    confirm_deletion: Callable[[DeletionPlan], Awaitable[bool]] | None = None
    """Asked before anything is transferred whether a plan is right; False ends the transfer. None: no question."""
    ask: Callable[[str, FileResult], Awaitable[bool]] | None = None
    """Asked with a name and a result NEWER, SUSPICIOUS or CONFLICT whether to replace the target; None: it stays."""


@attrs.frozen
class TransferContext:
    """The resources of a transfer, besides the connection."""

    workers: IWorkers
    """Runs everything that blocks."""
    system: System
    hash_cache: HashCache | None = None
    """Remembers the hashes of local files; None: each is hashed."""
    seen: SeenStore = attrs.field(factory=lambda: SeenStore(None))
    """The content that this machine saw last on servers; by default only the content that this context saw."""
    reconnector: IReconnector | None = None
    """Makes the connection again; None: a transfer fails when the connection is lost."""
    umask: int = attrs.field(factory=own_umask)
    """The bits that new files and folders do not get where the server keeps no modes."""
    disks: Disks = attrs.field(default=attrs.Factory(lambda self: Disks(self.system), takes_self=True), init=False)
    """The limits of the disks of local files, as far as they were learned."""

    def rest(self) -> None:
        """Give back the memory that is needed only while something is transferred or compared. Blocks."""
        if self.hash_cache is not None:
            self.hash_cache.release_memory()
        self.seen.release_memory()
        parse.cache_clear()  # each of the endpoints keeps a page of the heap
        self.system.rest()


EndpointOf = Callable[[str], str]
"""Gives the endpoint for a name relative to the transferred folder."""


def endpoints_below(base: str) -> EndpointOf:
    """Gives endpoints for names relative to the endpoint `base`."""
    return lambda name: f"{base}/{name}" if base and name else base or name
