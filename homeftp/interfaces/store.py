"""The contract between storage backends and everything above them: `IStore` and what it hands out.

The interfaces of the files that a store hands out are in
`homeftp.interfaces.storefiles`; backends can import them from here too.
`homeftp.store.memory` is the reference implementation and
`homeftp.testing.StoreContract` the suite that every backend passes. Nothing
here depends on the wire or on a file system. Methods raise the refusals of
`homeftp.errors`; each says which, with its status. Every method may block, is
called in the worker pool, and never on the reactor's thread.
"""

from __future__ import annotations

from typing import Any, Callable, Generator, Hashable, Iterator, Sequence

import msgspec
from zope.interface import Attribute, Interface

from homeftp.config import RESERVED_SPACE, Retention
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Internal
from homeftp.interfaces.history import IHistory
from homeftp.interfaces.storefiles import IDraft, IOpenFile, IUpload
from homeftp.interfaces.usage import SpaceReport
from homeftp.model import (
    Actor,
    Capabilities,
    Change,
    Damage,
    Entry,
    HashCondition,
    ListingPage,
    ResumePoint,
    Verification,
    Version,
    WriteRequest,
)

RecordChanges = Callable[[Sequence[Change]], None]
"""Records changes in the audit log, in order, all or none. Blocks; raises OSError."""

Journal = Callable[[Any, Sequence[Change]], None]
"""Records changes as `RecordChanges` does, within the transaction that makes them, which comes first."""


def record_nothing(changes: Sequence[Change]) -> None:
    """The `RecordChanges` of a store without an audit log."""


class HashNeeded(Exception):
    """Whether a `HashCondition` holds cannot be told before a large file is hashed, or while a file is being written.

    Nothing was changed. The caller hashes what `open` opens, or pauses where that is None, and calls again.
    """

    def __init__(self, condition: HashCondition, open: Callable[[], IOpenFile] | None) -> None:
        super().__init__(condition)
        self.condition = condition
        """The condition, to be replaced by one that has the hash and the tag of the file."""
        self.open = open
        """Opens the file, whatever the account may read; blocks, and raises as `IStore.open`. None: pause."""


class UnrecordedChanges(Internal):
    """A store was closed, and these changes that it made could not be recorded in the audit log."""

    def __init__(self, message: str, changes: Sequence[Change]) -> None:
        super().__init__(message)
        self.changes = tuple(changes)
        """The changes, in the order in which they were made."""


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's decisions about a store, whatever its backend."""

    state_dir: str | None = None
    """A private folder for what the backend remembers and can lose, such as an index; None: remember nothing."""
    known: bool = False
    """Whether the store was served before. Then a place where nothing of it is left, such as the mount point of a disk
    that is not mounted, is refused and not begun anew."""
    filetypes: tuple[str, ...] = ()
    """Suffixes that files must have, such as ".txt"; none: any file."""
    file_size: int | None = None
    """Bytes of the largest file that is accepted; None: no limit."""
    retention: Retention = Retention()
    """For how long replaced and removed files are kept as versions, and how much of them."""
    quota: int | None = None
    """Bytes that the store may hold, versions included; None: no limit."""
    reserved: int = RESERVED_SPACE
    """Bytes that one account's uploads may hold back from other accounts before they have arrived."""
    objects: str | None = None
    """The URL of the bucket for the bytes of files, of a backend that has only names; None: it has both."""
    similar_names: bool = False
    """Whether a new name may differ from a sibling's only in case or compatible form."""
    record_changes: RecordChanges = record_nothing
    """Called with every change, in the order in which they were made."""
    journal: Journal | None = None
    """For a backend whose names are in the database that has the audit log, too: it calls this within the transaction
    that makes some changes, with that and them, after it has locked all that they change."""


class IStore(Interface):
    """A tree of files and directories. Endpoints are relative to the store's root, which always exists.

    Promises that hold for every method:

    - **Threads.** Any number of threads call methods at the same time.
    - **Atomic.** At every moment each endpoint has its old content or its complete new content. A change that raises
      leaves the old content, unless its docstring says otherwise.
    - **Durable.** When a method that changes something returns, the change survives a power cut.
    - **Conditional.** A precondition (`ABSENT`, `PRESENT`, a content's hash, or None for no condition) is checked in
      one step with the change: of two writers with the same condition one succeeds and the other gets `Changed` (44).
      For a `HashCondition` a store may raise `HashNeeded` instead of reading a large file.
    - **Recorded.** Changes are handed to `StoreOptions.record_changes` in the order in which they were made, before
      the method returns: replaying them gives the tree. Where they cannot be recorded the method raises `Internal`
      (50) although they were made, and nothing more is changed until they are.
    - **Usable.** The mode that anything gets is `kept_mode` of the one that was asked for: a server without root
      rights can still read every file, and use every directory. A time or a mode that the disk does not keep, or that
      the backend may not set, is no failure: the entry says what is there.
    - **Nothing lost.** Where `capabilities.versions` is set, a file that is replaced or removed becomes a version.

    - **Space.** Nothing is removed for bytes that have not arrived. Before what has arrived is refused with `NoSpace`
      (52), the oldest versions are removed, but none younger than `Retention.protected_seconds`, and partial uploads of
      the same account, never another's. Where `capabilities.account_quotas` is set, nothing that an actor stores
      makes the home of its `Allotment` exceed its quota: each file, directory and version beneath it counts for
      `config.NAME_COST` or more. What others put there counts too, and is not refused. To keep to the quota, versions
      of that home are removed whatever their age, where the account may discard them. Of its uploads' declared sizes
      other accounts notice at most `StoreOptions.reserved`.

    Methods that name a file raise `FiletypeNotAllowed` (42) where the owner does not allow its type. Methods that
    change something raise `Forbidden` (33) where the store is `read_only`, and `BadEndpoint` (41) for a new name that
    is too similar to a sibling's, where `capabilities.similar_names` is set. All may raise `Internal` (50) where the
    backend fails, and `Busy` (51) where trying again later helps.
    """

    capabilities: Capabilities = Attribute("What this store can do; never changes while it is open.")
    read_only: str | None = Attribute("Why nothing can be changed, in words for the owner; None where it can.")

    def bind(actor: Actor) -> IStore:
        """The same store; what is changed through it is recorded as changed by `actor`. Cheap, never blocks."""

    def paths_to(folder: Endpoint) -> Sequence[Endpoint]:
        """Every endpoint by which a folder, or a part of it, can be reached: first its own. Blocks.

        There is more than one where the backend has other names for it: a bind
        mount, or a spelling that a person used and no listing shows. The folder
        need not exist.
        """

    def stat(endpoint: Endpoint) -> Entry | None:
        """The entry, with its hash where that is known without reading it; None where nothing exists.

        Tells what is known to be damaged. Raises `WrongKind` (43) for what is
        neither a file nor a directory.
        """

    def stat_many(endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once: a result for each, in order; a refusal concerns one endpoint only."""

    def open(endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading. Raises `NotFound` (40), `WrongKind` (43), `Damaged` (46)."""

    def open_many(endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once, in order. The `content` of files of at most `inline` bytes is read already.

        Such a file also has its hash, and need not be closed.
        """

    def list(endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, sorted by the bytes of their names, page by page; each step blocks.

        Names are relative to `endpoint`. With `recursive` each directory is
        followed by what it holds. A page has at most `config.LISTING_PAGE`
        entries, and may have none where to find the next one takes long. What
        exists from the first step to the last is listed exactly once. The first
        step raises `NotFound` (40) and `WrongKind` (43).

        What is in `hidden` is left out before pages are made, and is neither
        opened nor read: it changes nothing about the pages and the time they take.
        """

    def list_for_digests(endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """`list` with `recursive`, where only the digests of the directory are wanted; each step blocks.

        A directory whose digests the store knows may have them in its entry, and what it holds is not listed. Where
        they are those of `endpoint` itself, the only entry has no name. A store may also just list.
        """

    def versions(endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of a file, or of all files beneath a directory, page by page; each step blocks.

        Those of one file follow each other, the newest first. Names are
        relative to `endpoint`. Empty where there are none, whether something exists
        there or not, and without `capabilities.versions`. Raises `Forbidden` (33)
        where the store has some and cannot list them; and, after all that it can
        list, `Busy` (51) where a disk beneath `endpoint` is missing. `hidden` counts as for `list`, and pages may be
        empty as there.
        """

    def history() -> IHistory | None:
        """The versions by time; None without `capabilities.versions`, and where the store is read-only."""

    def verify(endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Read everything at an endpoint and beneath it again, versions too, step by step; each step blocks.

        A content is damaged where it cannot be read, or where its hash is
        another one than the store remembers and no program has changed the
        file since. What is damaged is marked durably, and recorded as a "damage":
        `stat` says so, `open` raises `Damaged` (46), and for preconditions it
        still has the hash that it had. Where another copy of that content is in
        the store, or among the versions of the file for an actor that does not
        see everything, it is put back, as by a write of the same content: what was
        damaged becomes a version. A damaged version gets its content back and
        keeps its time, which is recorded as a "mend". The mark goes with the next
        write, and where a later reading finds the content.

        A step reads about `config.SLICE` bytes. What was read again at
        `since_us` (microseconds since 1970) or later is left out: so a
        verification that was ended goes on where it was. With `ONLY_MARKED`
        only what is marked is read. `hidden` counts as for `list`. Where nothing
        exists, the versions of what was there are read. The first step raises
        `NotFound` (40) where there are none either, and `Forbidden` (33)
        without `capabilities.verify`; a later one `Internal` (50) where the
        disk fails at one file after another.
        """

    def damaged() -> Sequence[Damage]:
        """All files that are marked as damaged; names are relative to the store's root. Blocks."""

    def resume_point(
        endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content for that endpoint arrived in an upload that was suspended; None where nothing did.

        The upload is found by `hash` where it declared one, and otherwise by
        `size` in bytes and `mtime_us` in microseconds, and only among those
        that the account of the bound actor began: no other account learns of
        it, continues it, or ends it.
        """

    def space() -> SpaceReport:
        """The space that is left, by the disk and the quotas, and the used part of the space that limits it.

        For an actor with an `Allotment` it is rounded, except for its own quota.
        """

    def upload(request: WriteRequest) -> IUpload:
        """Begin to write a file, on from `request.offset`. Nothing is visible before `IUpload.commit`.

        What can be refused early is. Raises `Changed` (44), also where less
        than `request.offset` bytes arrived earlier from the same account,
        `WrongKind` (43), `NoSpace` (52), `TooLarge` (22), and `BadRequest` (20)
        for a negative size or offset, and for an `offset` without a `size`.
        """

    def write_many(requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files, make directories, and make all of them durable together: a result for each, in order.

        A request with None for its content is one for a directory, as in `make_directory`. Each is atomic on its own; a
        refused one leaves the others be. Missing parents are made, except for a request whose precondition needs
        something to exist. Each finds the effect of those before it. Where a request declares no size, the content has
        any. Errors are those of `upload` and `commit`, and of `make_directory`.
        """

    def edit(request: WriteRequest) -> IDraft:
        """Begin to change a file's content at any offset. Nothing is visible before `IDraft.commit`.

        The draft starts with the current content, or empty where nothing
        exists or `request.empty` asks for that. `request.size`, `hash` and `offset` do not count. Without a mode
        an existing file keeps its own, and without an mtime it is changed now.
        Raises `Changed` (44), `WrongKind` (43), `NoSpace` (52), and `Forbidden`
        (33) without `capabilities.edit`.
        """

    def make_directory(request: WriteRequest) -> Entry:
        """Make a directory and its missing parents; where it exists, give it the request's mtime and mode.

        At a top (`Endpoint.is_top`) mtime and mode are ignored: they are the owner's.
        Raises `Changed` (44) where it exists and the precondition is `ABSENT`,
        and `WrongKind` (43) where a file exists there, or the precondition is
        a hash.
        """

    def set_metadata(endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None) -> Entry:
        """Change mtime (microseconds since 1970 UTC) and mode of a file or a directory; None leaves the value.

        The content stays and no version is made. Raises `NotFound` (40),
        `Changed` (44), `WrongKind` (43) for a directory with a hash as its
        precondition, and `Forbidden` (33) at a top (`Endpoint.is_top`) and
        without `capabilities.metadata`.
        """

    def set_metadata_many(requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """`set_metadata` for several, made durable together: a result for each, in order.

        Each request's endpoint, mtime, mode, precondition and actor are used. A refused request does not stop the
        others. Each one finds the effect of those before it.
        """

    def copy(
        source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Copy a file's content, mtime and mode to `target`; a file that is there becomes a version.

        Yields after each step, which blocks, how many bytes it copied, and the entry of the copy last. Nothing happens
        before the first step. Where it is a generator, close it to stop early: then nothing has changed. Missing
        parents are made. Raises `NotFound` (40), `Changed` (44), `WrongKind` (43), `NoSpace` (52), `BadRequest` (20)
        for a copy to itself, and `Forbidden` (33) without `capabilities.copy`.
        """

    def move(
        source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name; a file at `target` becomes a version.

        Missing parents are made. A directory never replaces anything: `Changed`
        (44) where something exists at `target`. Raises `NotFound` (40), `Changed`
        (44), `WrongKind` (43), `BadRequest` (20) for the root and for a move
        into itself, and `Forbidden` (33) for what would have to go to another
        disk. With `capabilities.atomic_directory_move` a directory is moved in one step.
        """

    def remove(endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file, or a directory: yields after each step, which blocks, how many entries it removed.

        Nothing happens before the first step. Close the generator to stop early: then what was removed by then stays
        removed; with `capabilities.atomic_directory_removal` that is everything, and only versions are made in steps.
        All is durable when it ends. The versions of all files in a directory have one time, unless a file was changed
        meanwhile. Before anything is removed it raises `NotFound` (40), `Changed` (44), and `WrongKind` (43)
        for a directory that is not empty, unless `recursive`, for one that holds what the store does not offer, and for
        one with a hash as its precondition.
        """

    def restore(endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put back the version of that time (`Version.at_us`), or the newest; the current file becomes a version.

        The restored version is removed from the versions. Raises `NotFound` (40) where there
        is no such version, and so without `capabilities.versions`; `Changed`
        (44), `Damaged` (46) for a version that is known to be, `WrongKind` (43),
        and `Forbidden` (33) where the store is read-only.
        """

    def maintain() -> None:
        """Remove versions that were kept long enough, and uploads suspended `config.PARTIAL_UPLOAD_SECONDS` ago.

        Called after the start and every hour.
        """

    def close() -> None:
        """Release what the store holds; no other method is running or will be called. May be called twice.

        Changes that could not be recorded are recorded now; where that fails
        too, everything is closed and then `UnrecordedChanges` is raised, which
        names them.
        """


class IStoreHealth(Interface):
    """A store that can tell its owner what is wrong with it while it is open. Optional besides `IStore`."""

    def problems() -> Sequence[str]:
        """The present problems, one line each, in words for the owner. Blocks.

        The server calls it every few seconds and puts what is new into its log. A store whose disk is gone refuses
        everything with `Busy` (51), and looks here whether it is back.
        """


class IScopedStore(Interface):
    """A store that shows a part of another one, and knows which other stores show the same part. Optional."""

    def scope(endpoint: Endpoint) -> Hashable:
        """The scope that a verification of an endpoint reads; two stores give equal values where it is the same."""

    def visible_endpoint(endpoint: Endpoint, *, directory: bool) -> Endpoint | None:
        """Where a change at an endpoint of the other store shows in this one; None where it does not show.

        `directory`: a directory was made, moved or removed there. Cheap, and for any thread.
        """


__all__ = [
    "HashNeeded",
    "IDraft",
    "IHistory",
    "IOpenFile",
    "IScopedStore",
    "IStore",
    "IUpload",
    "SpaceReport",
    "StoreOptions",
    "UnrecordedChanges",
    "record_nothing",
]
