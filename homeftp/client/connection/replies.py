"""The answers of a server as values. All of them are checked, because a server may be hostile.

What does not fit what was asked is a `ProtocolViolation`.
"""

from __future__ import annotations

from typing import Annotated, Any, Sequence, TypeVar

import msgspec
from msgspec import Meta

from homeftp import endpoint as endpoints
from homeftp.client.errors import ProtocolViolation
from homeftp.config import BATCH_BYTES, BATCH_ENTRIES, MAX_ADDRESSES, MAX_IN_FLIGHT, MOST_LISTED, SMALL_FILE
from homeftp.errors import BadEndpoint, BadRequest, counted
from homeftp.interfaces import ChangedNames
from homeftp.model import Entry, ListingPage, ResumePoint, TreeDigest, TreeProgress, Verification, Version
from homeftp.status import Status
from homeftp.wire.codec import convert
from homeftp.wire.history import VersionBody
from homeftp.wire.messages import DamageBody, DirectoryDigestsBody, EntryBody, Hash, Size, TreeBody

T = TypeVar("T")

_LONGEST_ADDRESS = 300
"""Characters of an address: a host name has at most 253."""

_SHOWN = 200
"""Characters of a name from the server in a message."""


_ShortAddress = Annotated[str, Meta(max_length=_LONGEST_ADDRESS)]


class ServerLimits(msgspec.Struct, frozen=True):
    """The limits of the server."""

    in_flight: int = MAX_IN_FLIGHT
    """Requests of one connection that it works on at once; more may be sent, and wait."""
    small_file: Size = SMALL_FILE
    """Files of up to so many bytes it stores many at a time."""
    file_size: Size | None = None
    """Bytes of the largest file it takes; None: only its disk decides."""
    batch_entries: Size = BATCH_ENTRIES
    """Files of one batch, at most."""
    batch_bytes: Size = BATCH_BYTES
    """Bytes of the payload of one batch, at most."""


_MAX_TAG = 128
"""Characters of `share` and of `view`, at most; clients only compare them."""


class Hello(msgspec.Struct, frozen=True):
    """The answer to HELLO: the server's version and abilities, and the account that is logged in."""

    protocol: int
    version: str = ""
    server: str = ""
    request_types: list[str] = msgspec.field(default_factory=list)
    filetypes: list[str] = msgspec.field(default_factory=list)
    limits: ServerLimits = ServerLimits()
    account: str | None = None
    keepalive: float | None = None
    """The keepalive interval in seconds; None if the server sends no empty lines."""
    rights: list[str] | None = None
    """The most that the account may do: some of read, add, replace and delete; None where the server does not say."""
    read_only: bool = False
    """Whether the server refuses changes."""
    similar_names: bool | None = None
    """Whether a new name may differ from one beside it only in case or in the form of its letters; None where the
    server does not say."""
    share: Annotated[str, Meta(max_length=_MAX_TAG)] | None = None
    """Changes where the account's endpoints are those of another place, or the server was restored from a backup."""
    view: Annotated[str, Meta(max_length=_MAX_TAG)] | None = None
    """Changes where the account may read other folders than before; None where the server does not say."""

    addresses: Annotated[list[_ShortAddress], Meta(max_length=MAX_ADDRESSES)] = msgspec.field(default_factory=list)
    """Where other servers with the same files and accounts are reached."""

    def may(self, right: str) -> bool:
        """Whether the account may have a right, in some folder at least, as far as the server says."""
        return self.rights is None or right in self.rights


class Comparison(msgspec.Struct, frozen=True):
    """The answer to CMP: how the entry at an endpoint differs from the client's copy."""

    status: Status
    """SAME, METADATA_DIFFERS, CONTENT_DIFFERS, CONTENT_AND_METADATA_DIFFER, ABSENT or DAMAGED."""
    differs: list[str]
    """The fields that differ, of those given: hash, content_digest, full_digest, size, mtime_us and mode."""
    remote: Entry | None
    """The server's entry; None where nothing exists."""
    arrived: ResumePoint | None = None
    """How much of the content an interrupted push has already transferred."""
    tree: TreeDigest | None = None
    """The digests and counts of the directory there, if a digest was given; None if the server has none."""


class _Compared(msgspec.Struct, frozen=True):
    differs: list[str] = msgspec.field(default_factory=list)
    remote: EntryBody | None = None
    resume_from: Size | None = None
    resume_hash: Hash | None = None
    tree: TreeBody | None = None


class _TreeProgress(msgspec.Struct, frozen=True):
    files: Size = 0
    bytes: Size = 0
    directories: list[DirectoryDigestsBody] = msgspec.field(default_factory=list)


class _Versions(msgspec.Struct, frozen=True):
    versions: list[VersionBody] = msgspec.field(default_factory=list)


class _Listed(msgspec.Struct, frozen=True):
    entries: list[EntryBody] = msgspec.field(default_factory=list)
    skipped: list[tuple[str, str]] = msgspec.field(default_factory=list)


class Verdict(msgspec.Struct, frozen=True):
    """The last response to GET, behind the bytes; `hash` is that of the whole file, where the server knows it."""

    hash: Hash | None = None


class BatchRefusal(msgspec.Struct, frozen=True):
    """An entry of a batch that was not stored."""

    entry: Size
    status: int
    message: str = ""


class BatchAnswer(msgspec.Struct, frozen=True):
    """The answer to a PUSH of a batch: how many entries were stored, and how many refused."""

    stored: Size
    refused: Size


class _BatchReport(msgspec.Struct, frozen=True):
    refused: list[BatchRefusal] = msgspec.field(default_factory=list)
    differing: list[EntryBody] = msgspec.field(default_factory=list)


class Removed(msgspec.Struct, frozen=True):
    """The answer to DELETE: how many files and directories were removed."""

    removed_total: Size


class _Verified(msgspec.Struct, frozen=True):
    """A response to VERIFY: counts since the beginning, and what was found since the response before."""

    files: Size = 0
    versions: Size = 0
    bytes: Size = 0
    damaged: list[DamageBody] = msgspec.field(default_factory=list)
    skipped: list[tuple[str, str]] = msgspec.field(default_factory=list)


class VerifySteps:
    """The responses to a VERIFY as steps: each with the counts since the one before."""

    def __init__(self) -> None:
        self._before = _Verified()
        self.damaged = 0
        """How many damages were listed."""

    def step(self, body: dict[str, Any]) -> Verification:
        """The step of one response. Raises `ProtocolViolation` for counts that shrink and for illegal names."""
        now, before = understood(body, _Verified, "the answer to VERIFY"), self._before
        counts = now.files - before.files, now.versions - before.versions, now.bytes - before.bytes
        damages = tuple(each.value() for each in now.damaged)
        if min(counts) < 0:
            raise contradiction("VERIFY")
        for each in damages:
            check_name(each.name)
        self._before = now
        self.damaged += len(damages)
        return Verification(*counts, damages, tuple(now.skipped))


class _Changed(msgspec.Struct, frozen=True):
    changed: list[str]
    anything: bool = False


def changed_names(body: dict[str, Any]) -> ChangedNames:
    """The changes in a response to WATCH. Raises `ProtocolViolation` for illegal names."""
    found = understood(body, _Changed, "an interim answer to WATCH")
    for name in found.changed:
        check_name(name)
    return ChangedNames(tuple(found.changed), found.anything)


class Names:
    """Checks the names of a listing; it remembers directories, so that each part of a name is checked once.

    Those in a directory are sorted: so the last one is enough to know that none comes twice.
    """

    def __init__(self) -> None:
        self._last = {"": ""}
        """The directories, each with the last name that was listed in it."""
        self.entries = 0
        """How many entries were listed."""
        self._count = 0

    def check(self, entries: Sequence[Entry]) -> None:
        """Raise `ProtocolViolation` for a name that could lead elsewhere, comes twice or is out of order.

        A name whose directory was not listed before it is out of order too.
        """
        self.entries += len(entries)
        self.count(len(entries))
        for entry in entries:
            path = entry.name
            parent, slash, name = path.rpartition("/")
            last = self._last.get(parent)
            if last is None or not endpoints.is_plain(name) or slash:
                self._check(path, parent, name)
            if last is not None and name <= last:
                raise ProtocolViolation(f"the server listed a name twice, or out of order: {path[:_SHOWN]!a}")
            self._last[parent] = name
            if entry.kind == "directory":
                self._last[path] = ""

    def _check(self, path: str, parent: str, name: str) -> None:
        """Check a name that is not as most names directly in a directory are."""
        is_long = len(path) > endpoints.MAX_PATH_BYTES or path.count("/") >= endpoints.MAX_PARTS
        is_lost = path.startswith("/") or parent not in self._last
        if is_long or is_lost or endpoints.name_problem(name) is not None:
            raise _illegal(path)

    def count(self, more: int) -> None:
        """Count names, also of what is skipped; raises `ProtocolViolation` for more than anybody can work with."""
        self._count += more
        check_count(self._count)


def check_count(count: int) -> None:
    """Raise `ProtocolViolation` for more names or versions than a client takes."""
    if count > MOST_LISTED:
        raise ProtocolViolation(f"the server listed more than {MOST_LISTED:,} names: name folders in it one by one")


def check_total(body: dict[str, Any], what: str, count: int) -> None:
    """Raise `ProtocolViolation` where the total of `what` in the last response is not how many were listed."""
    if body.get(f"{what}_total") != count:
        raise ProtocolViolation(f"the server listed {count} {what}, and another number as their total")


def page(body: dict[str, Any], names: Names) -> ListingPage:
    """One page of a listing, its names checked."""
    listed = understood(body, _Listed, "a page of a listing")
    entries = tuple(entry.entry() for entry in listed.entries)
    names.check(entries)
    names.count(len(listed.skipped))
    return ListingPage(entries, tuple(listed.skipped))


def compared(status: int, body: dict[str, Any]) -> Comparison:
    """The answer to CMP."""
    parts = understood(body, _Compared, "the answer to CMP")
    known = Status.SAME <= status <= Status.ABSENT or status == Status.DAMAGED
    if not known or (status == Status.ABSENT) != (parts.remote is None):
        raise contradiction("CMP")
    remote = None if parts.remote is None else itself(parts.remote.entry())
    arrived = None
    if parts.resume_from and parts.resume_hash is not None:
        arrived = ResumePoint(parts.resume_from, parts.resume_hash)
    tree = None if parts.tree is None else parts.tree.value()
    return Comparison(Status(status), parts.differs, remote, arrived, tree)


def tree_progress(body: dict[str, Any]) -> TreeProgress:
    """An interim answer of a server that hashes, for CMP or for a listing with hashes."""
    found = understood(body, _TreeProgress, "an interim answer about hashing")
    return TreeProgress(found.files, found.bytes, tuple((each.name, each.tree.value()) for each in found.directories))


def head(body: dict[str, Any], content_length: int, offset: int = 0, length: int | None = None) -> Entry:
    """The entry of the file whose bytes follow the head of a GET; raises `ProtocolViolation` where they do not fit."""
    entry = own_entry(body, "the answer to GET")
    if entry.kind != "file":
        raise ProtocolViolation("the server sent a directory as if it were a file")
    rest = max(0, entry.size - offset)
    if content_length != (rest if length is None else min(length, rest)):
        raise ProtocolViolation(
            f"the server sent {counted(content_length, 'byte')} of a file of {entry.size:,}: not what was asked for"
        )
    return entry


def own_entry(body: dict[str, Any], what: str) -> Entry:
    """The entry of the endpoint that was asked for; raises `ProtocolViolation` if the answer gives it another name."""
    return itself(understood(body, EntryBody, what).entry())


def batch_report(body: dict[str, Any]) -> tuple[Sequence[BatchRefusal], Sequence[Entry]]:
    """An interim answer to a PUSH of a batch: refused entries, and what is there otherwise than sent."""
    report = understood(body, _BatchReport, "an interim answer to PUSH")
    if any(each.status < Status.BAD_REQUEST for each in report.refused):
        raise contradiction("PUSH")
    return report.refused, [each.entry() for each in report.differing]


def itself(entry: Entry) -> Entry:
    """An entry that must be what was asked about, and has no other name."""
    if entry.name:
        raise ProtocolViolation(f"the server answered about another endpoint: {entry.name[:_SHOWN]!a}")
    return entry


def understood(body: dict[str, Any], kind: type[T], what: str) -> T:
    """A response's body as `kind`; raises `ProtocolViolation` for one that does not fit."""
    try:
        return convert(body, kind, what)
    except BadRequest as error:
        raise ProtocolViolation(f"the server sent an invalid answer: {error}") from None


def versions(body: dict[str, Any]) -> Sequence[Version]:
    """One page of versions, their names checked."""
    said = understood(body, _Versions, "a page of versions").versions
    listed = [each.value() for each in said]
    for version in listed:
        check_name(version.name)
    return listed


def check_name(name: str) -> None:
    """Raise `ProtocolViolation` for a name that is no legal endpoint: it could lead elsewhere."""
    try:
        endpoints.parse(name)
    except BadEndpoint:
        raise _illegal(name) from None


def contradiction(request_type: str) -> ProtocolViolation:
    """The error for an answer that contradicts the request or itself."""
    return ProtocolViolation(f"the server's answer to {request_type} contradicts itself")


def _illegal(name: str) -> ProtocolViolation:
    return ProtocolViolation(f"the server listed an illegal name: {name[:_SHOWN]!a}")
