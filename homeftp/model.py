"""The domain values that every layer shares: frozen, without behaviour, and without a trace of wire or disk.

What belongs here: what a store holds (with the rule of modes), what is asked of it, and by whom. What
does not: how a value is encoded (`homeftp.wire`) or kept (`homeftp.store`).
"""

from __future__ import annotations

from typing import Literal, Sequence

import attrs
import msgspec
from msgspec import structs

from homeftp.endpoint import MAX_PATH_BYTES, Endpoint

ABSENT = "absent"
"""The precondition that nothing exists at an endpoint."""

PRESENT = "present"
"""The precondition that something exists at an endpoint, whatever it is. It never comes from the wire."""


class HashCondition(str):
    """A precondition, the hash that a content must have, of a caller that hashes large files itself, in slices.

    A store may raise `HashNeeded` for it where it would have to read a large file. It equals the hash as a plain `str`.
    """

    __slots__ = ("found", "tag")

    tag: str
    """The `Entry.tag` of the file that was hashed; "" where none was."""
    found: str | None
    """The hash of that file."""

    def __new__(cls, hash: str, tag: str = "", found: str | None = None) -> HashCondition:
        """The condition, and what is known about a file."""
        made = super().__new__(cls, hash)
        made.tag = tag
        made.found = found
        return made


Kind = Literal["file", "directory"]


SECOND_US = 1_000_000
"""Microseconds in a second: times are in microseconds."""

MAX_SIZE = 2**63 - 1
"""Bytes of the largest file, and its last offset: most systems have signed offsets of 64 bits."""

MAX_MTIME_US = MAX_SIZE
"""Microseconds since 1970 of the latest time, and before it of the earliest: no calendar has a name for them. Each file
system keeps fewer."""

TimeSpan = tuple[int, int]
"""The first and the last of some times: microseconds since 1970 UTC."""


class Entry(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An existing file or directory at an endpoint. Equal are those with the same values, whatever their tags."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    kind: Kind
    size: int = 0
    """Bytes of content; 0 for a directory."""
    mtime_us: int | None = None
    """When the content was last changed: microseconds since 1970 UTC. None: the store does not keep it."""
    mode: int | None = None
    """The nine permission bits. None: the store does not keep them."""
    hash: str | None = None
    """`sha256:` and 64 hexadecimal digits; None where it is not known without reading the file, and for directories."""
    tag: str = ""
    """An opaque text that the backend changes whenever the content or its metadata changes; "" where it has none.

    It has none for a content of which the next change may leave the same tag, such as one that was written just now.

    Front ends make strong ETags of it. It is no hash, costs nothing to compute, and is not compared by `==`.
    """
    damaged: str | None = None
    """Where the store has found that it has not kept the content: the hash of that, "" where it is not known.

    Such a file has no `hash`, and cannot be opened. None: no damage is known.
    """
    mtime_span: TimeSpan | None = None
    """The times that the store may keep as `mtime_us`, where it does not keep them all. None: only that one.

    They count as the same: a write of one of them would change nothing.
    """
    digests: TreeDigest | None = None
    """The digests of a directory in `IStore.list_for_digests`, of all beneath it, which is not listed then.

    They are not compared by `==`.
    """

    def __eq__(self, other: object) -> bool:
        return self._compared() == other._compared() if isinstance(other, Entry) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        return self.name, self.kind, self.size, self.mtime_us, self.mode, self.hash, self.damaged, self.mtime_span


@attrs.frozen
class Version:
    """A file that was at an endpoint until it was replaced or removed."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    at_us: int
    """When it was replaced or removed: microseconds since 1970 UTC. Unique among the versions of an endpoint."""
    size: int = 0
    mtime_us: int | None = None
    mode: int | None = None
    hash: str | None = None
    made_us: int | None = attrs.field(default=None, eq=False)
    """When its file was made, as `Timeline.made_us`; None: not known."""


DamageKind = Literal["content", "unreadable"]
"""How a content is damaged: it has another hash although no program has changed it, or it cannot be read."""


def damage_kind(text: str) -> DamageKind:
    """The kind of damage that a text stands for; one that this version does not know counts as one of the content."""
    return "unreadable" if text == "unreadable" else "content"


class Damage(msgspec.Struct, frozen=True):
    """A file or a version whose content the store has not kept."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    damage: DamageKind
    hash: str | None = None
    """The hash of the content that was stored; None where it is not known."""
    at_us: int | None = None
    """`Version.at_us`, for a version."""
    mended: bool = False
    """Whether the content is there again, from another copy in the store."""


ONLY_MARKED = -1
"""In place of a time, for `IStore.verify`: read only what is marked as damaged, and mend it where that is possible now.

A store may read more.
"""


class Verification(msgspec.Struct, frozen=True):
    """The result of one step of `IStore.verify`."""

    files: int = 0
    """Files that were read to their end."""
    versions: int = 0
    """Versions that were read to their end."""
    size: int = 0
    """Bytes that were read."""
    damages: tuple[Damage, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Names, made printable, that were not read, each with the reason."""

    @classmethod
    def total(cls, steps: Sequence[Verification]) -> Verification:
        """The sum of several steps."""
        return cls(
            sum(step.files for step in steps),
            sum(step.versions for step in steps),
            sum(step.size for step in steps),
            tuple(damage for step in steps for damage in step.damages),
            tuple(skipped for step in steps for skipped in step.skipped),
        )


class ListingPage(msgspec.Struct, frozen=True):
    """Part of a listing."""

    entries: tuple[Entry, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Names, made printable, that the store cannot offer, each with the reason."""


class TreeDigest(msgspec.Struct, frozen=True, kw_only=True):
    """The digests and counts of a directory and everything beneath it, as far as the account may see it."""

    content: str
    """The digest of names, kinds and contents: `sha256:` and 64 hexadecimal digits."""
    full: str
    """The digest of those, the mtimes of files, and the modes of files and directories."""
    files: int
    directories: int
    """Directories beneath it, without itself."""
    size: int
    """Bytes of all files."""
    skipped: int = 0
    """Names that cannot be compared, and are in no digest: links, for example."""
    damaged: int = 0
    """Files whose content the store has not kept."""


class TreeProgress(msgspec.Struct, frozen=True):
    """How far the computing of a `TreeDigest` is."""

    files: int
    """Files whose hashes are known, of those found so far."""
    size: int
    """Bytes that were read to hash them."""
    directories: tuple[tuple[str, TreeDigest], ...] = ()
    """Directories beneath whose digests have become known, by relative name; not all of them are told."""


class PathLock(msgspec.Struct, frozen=True):
    """The part of the tree that a request uses: an endpoint and everything beneath it, to read or to change.

    Two requests of one connection may run together when both only read, or
    when neither endpoint is inside the other.
    """

    endpoint: Endpoint
    changes: bool
    alone: bool = False
    """Whether it runs with no other request, whatever both do."""


class Allotment(msgspec.Struct, frozen=True):
    """The part of a store that is an account's own, and what it may take up."""

    home: Endpoint
    """The folder that counts: its files, directories, versions and uploads, each for `NAME_COST` or more."""
    quota: int | None
    """Bytes; None: no limit."""
    may_discard: bool
    """Whether it may remove and replace everything beneath its home, and so give up versions there for new files."""
    sees_all: bool
    """Whether it may read the whole store, and so may learn how much space is left."""
    sees_home: bool = False
    """Whether it may read all that its quota counts, and so may learn how much of that is left."""


@attrs.frozen
class Actor:
    """The account and device that ask for something, their address, the request, and the front end.

    These are fields of an audit record.
    """

    account: str | None = None
    device: str | None = None
    """The name of the device that logged in; None: the account's own password was used."""
    address: str | None = None
    request: str | None = None
    """The name of the operation, such as a request_type."""
    allotment: Allotment | None = attrs.field(default=None, eq=False)
    """The part of the store that is its account's own; None: nothing is limited."""
    account_id: str | None = attrs.field(default=None, eq=False)
    """The id of its account; unlike a name it never becomes that of another. None where accounts have only names."""
    front_end: str | None = attrs.field(default=None, eq=False)
    """The name of the front end through which it acts; None: the server's own protocol, or no client."""

    @property
    def owner(self) -> str | None:
        """The account that owns the uploads that it begins, by id where it has one; None: the server itself."""
        return self.account_id or self.account

    @property
    def sees_home(self) -> bool:
        """Whether it may learn exactly how much its quota leaves."""
        return self.allotment is None or self.allotment.sees_home

    @property
    def sees_all(self) -> bool:
        """Whether it may learn how much other accounts store, and whether they store a certain content."""
        return self.allotment is None or self.allotment.sees_all


SERVER = Actor()
"""The server itself."""

MENDER = Actor(request="mend")
"""The server itself, where it puts the content of a damaged file back."""


class Change(msgspec.Struct, frozen=True):
    """One thing that was changed in a store, for the audit log."""

    what: str
    """One of "add", "replace", "delete", "move", "metadata", "evict", "prune", "damage" and "mend".

    Where a store has `Capabilities.atomic_directory_removal`, the "delete" of a directory stands for all that it held;
    elsewhere each of these has a record of its own before it. The last four change nothing in the tree. "evict": to
    make space for the actor, a version or a partial upload of the file at `endpoint` was removed. "prune": the actor
    removed a version for good. "damage": the store has found that it has not kept the content with that `hash`.
    "mend": a version has that content again.
    """
    kind: str
    """ "file" or "directory"; for "evict", "prune", "damage" and "mend" also "version" or "upload"."""
    endpoint: Endpoint
    actor: Actor
    to: Endpoint | None = None
    """The new endpoint, for a move."""
    size: int | None = None
    """Bytes of the content afterwards."""
    hash: str | None = None
    """Hash of the content afterwards, where it is known."""
    old_size: int | None = None
    """Bytes of the content before, at the endpoint that is named last."""
    old_hash: str | None = None
    """Hash of the content before, where it is known."""
    owner: str | None = None
    """The account that began the upload, where a partial upload was evicted."""


class WriteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The content and metadata that an endpoint is to have, and on what condition. Validated, never raw input."""

    endpoint: Endpoint
    size: int | None = 0
    """Bytes of content; 0 for a directory. None: not declared, so that any size is accepted."""
    hash: str | None = None
    """The declared hash; None: only the size is checked, or the hash follows the content."""
    mtime_us: int | None = None
    """Microseconds since 1970 UTC; None: now."""
    mode: int | None = None
    """Permission bits, of which only the nine are kept; None: that of the file that is replaced, or of new files."""
    precondition: str | None = None
    """`ABSENT`, `PRESENT` or the hash that the current content must have; None: replace whatever is there."""
    offset: int = 0
    """Bytes of the content that arrived in an earlier upload; the next ones are appended to them."""
    empty: bool = False
    """For `IStore.edit`: begin with no content instead of the current one, which then need not be readable."""
    keeps_empty: bool = True
    """Whether an empty file that it replaces is to become a version too. False: a store need not keep that."""
    actor: Actor = SERVER
    """The actor; with `SERVER` it is the actor that the store is bound to (`IStore.bind`)."""

    @property
    def known_size(self) -> int:
        """`size`, of a request that must declare it; raises ValueError for one that does not."""
        if self.size is None:
            raise ValueError("this request declares no size")
        return self.size

    def with_metadata(self, mtime_us: int | None, mode: int | None) -> WriteRequest:
        """The same request, with this mtime and this mode where they are not None."""
        return structs.replace(
            self,
            mtime_us=self.mtime_us if mtime_us is None else mtime_us,
            mode=self.mode if mode is None else mode,
        )

    def acting(self, bound: Actor) -> Actor:
        """The actor of this request, or the actor that the store is bound to if the request names none."""
        return bound if self.actor == SERVER else self.actor


class ResumePoint(msgspec.Struct, frozen=True):
    """How much of a file arrived in an earlier upload, and the hash of that part."""

    size: int
    hash: str


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """The capabilities of a storage backend.

    It refuses `set_metadata`, `edit` and `copy` with `Forbidden` (33) where it cannot do them. Without `versions`
    there are none: `versions` is empty, and `restore` raises `NotFound` (40), or `Forbidden` in a read-only store.
    """

    resume: bool = False
    """Interrupted uploads can be continued (`resume_point`, `IUpload.suspend`)."""
    versions: bool = False
    """Replaced and removed files are kept as versions (`versions`, `restore`)."""
    metadata: bool = False
    """It keeps mtime and mode, as far as its entries say, and `set_metadata` changes them."""
    atomic_directory_move: bool = False
    """A directory is moved in one step: no moment shows part of it at each place."""
    atomic_directory_removal: bool = False
    """A directory is removed in one step with all that it holds, and one record stands for all of that."""
    similar_names: bool = False
    """New names that differ from a sibling only in case or compatible form are detected, and refused unless allowed."""
    edit: bool = False
    """`edit` works: content can be written at any offset before it is committed."""
    copy: bool = False
    """`copy` works, without the content passing through the caller."""
    unique_tags: bool = False
    """No two contents have the same `Entry.tag`, also at different endpoints: one hashing serves all who ask for it."""
    quota: bool = False
    """It limits its total size, and refuses what exceeds the limit with `NoSpace` (52)."""
    verify: bool = False
    """`verify` works: it reads everything again, and marks what is damaged."""
    path_bytes: int = MAX_PATH_BYTES
    """Bytes of the longest path that something new may have: `BadEndpoint` (41) refuses a longer one."""
    account_quotas: bool = False
    """It limits what each account's home takes up (`Allotment.quota`)."""
