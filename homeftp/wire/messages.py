"""The messages of the wire as frozen classes: envelopes, and the bodies of most built-in requests.

What is about versions, and about who stored a file, is in history.py, the entries of batches in batch.py.

Types and bounds here are the only validation of a message's shape: codec.py
decodes straight into these classes and names the parameter that does not
fit. What an endpoint may be is endpoint.py's; when a request is legal,
states.py's. docs/protocol describes the same, normatively.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from homeftp.config import MAX_INVITATION, MAX_NAME, MAX_PASSWORD
from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal, refusal
from homeftp.model import MAX_SIZE, Damage, Entry, Kind, TreeDigest, Version, damage_kind
from homeftp.status import Status

Size = Annotated[int, Meta(ge=0, le=MAX_SIZE)]
"""A count of bytes."""

Identifier = int | str | None
"""A request's `id`, echoed in its responses."""

_HASH = r"\Asha256:[0-9a-f]{64}\Z"
_PRECONDITION = r"\A(absent|sha256:[0-9a-f]{64})\Z"

Hash = Annotated[str, Meta(pattern=_HASH)]
"""A content's hash: `sha256:` and 64 lower-case hexadecimal digits."""

_DAMAGED = r"\A(sha256:[0-9a-f]{64})?\Z"

DamagedHash = Annotated[str, Meta(pattern=_DAMAGED)]
"""The hash of a content that was not kept; "" where it is not known."""

HASH_BYTES = 71
"""The length of a hash, and so of a payload's trailer."""

Precondition = Annotated[str, Meta(pattern=_PRECONDITION)]
"""The precondition at an endpoint: a content's hash, or `absent`."""

_MESSAGE = r"\A[0-9a-f]{66}\Z"
_DIGEST = r"\A[0-9a-f]{64}\Z"

SpakeMessage = Annotated[str, Meta(pattern=_MESSAGE)]
"""The first message of each end of a pairing: 33 bytes, in hexadecimal digits."""

Proof = Annotated[str, Meta(pattern=_DIGEST)]
"""The proof that one end of a pairing shows to the other: 32 bytes, in hexadecimal digits."""

PATTERNS = {
    _MESSAGE: "66 hexadecimal digits in small letters",
    _DIGEST: "64 hexadecimal digits in small letters",
    _HASH: "`sha256:` and 64 hexadecimal digits in small letters",
    _DAMAGED: "a hash, or nothing",
    _PRECONDITION: "`absent`, or `sha256:` and 64 hexadecimal digits in small letters",
}
"""The patterns in words."""

if TYPE_CHECKING:
    RelEndpoint = Endpoint
    """An endpoint in a request's body: written as a string, parsed once, when the body is decoded (codec.py)."""
else:

    class _EndpointType(type):
        """The type of a class whose instances are the endpoints."""

        __instancecheck__ = Endpoint.__instancecheck__  # the interpreter's own: it costs no call

    class RelEndpoint(metaclass=_EndpointType):
        """The type for msgspec in its place: it would decode an attrs class from an object, without asking codec.py."""


Name = Annotated[str, Meta(max_length=MAX_NAME)]

MetaName = Literal["size", "mtime_us", "mode"]
"""`size` in bytes, `mtime_us` in microseconds since 1970 UTC, `mode` the nine permission bits."""

MetaNumber = Annotated[int, Meta(ge=-MAX_SIZE, le=MAX_SIZE)]
"""No system has a time or a size beyond these; calls of the system fail in ways of their own for them."""

_MAX_META = 16
"""Entries of `meta_data`, at most."""

MetaData = Annotated[list[tuple[MetaName, MetaNumber]], Meta(max_length=_MAX_META)]
"""Entries of `[name, value]`."""

Moment = Annotated[int, Meta(ge=0, le=MAX_SIZE // 1000)]
"""When something was replaced: microseconds since 1970 UTC."""


class Request(msgspec.Struct, frozen=True):
    """A request's envelope. `body` is still JSON; its class depends on `request_type`."""

    request_type: Name
    body: msgspec.Raw = msgspec.Raw(b"{}")
    id: Identifier = None
    content_length: Size = 0


class Response(msgspec.Struct, frozen=True):
    """A response's envelope. `more` says that it is not the last one of its request."""

    status: int
    message: str = ""
    id: Identifier = None
    body: dict[str, Any] = msgspec.field(default_factory=dict)
    content_length: Size = 0
    more: bool = False

    @property
    def refusal(self) -> Refusal | None:
        """The refusal that it carries; None for an answer."""
        return refusal(self.status, self.message) if self.status >= Status.BAD_REQUEST else None


class NoBody(msgspec.Struct, frozen=True):
    """The body of a request that takes no parameter."""


_MAX_CLIENT_NAME = 64

ClientName = Annotated[str, Meta(max_length=_MAX_CLIENT_NAME)]
"""The client's own name, such as `homeftp 1.2`: for the server's owner, and never trusted."""

MachineId = Annotated[str, Meta(pattern=_DIGEST)]
"""The id of one pairing of a machine with a server, different for each server: 32 bytes in hexadecimal."""


class HelloBody(msgspec.Struct, frozen=True):
    """The body of HELLO."""

    client: ClientName | None = None
    keepalive: bool = False
    """Whether the server is to show, by an empty line now and then, that it works on a request."""


class AtEndpoint(msgspec.Struct, frozen=True):
    """The body of a request that names an endpoint and nothing else."""

    rel_endpoint: RelEndpoint


class LoginBody(msgspec.Struct, frozen=True):
    """LOGIN's body."""

    username: Name
    password: Annotated[str, Meta(max_length=MAX_PASSWORD)]

    def __repr__(self) -> str:
        return f"LoginBody(username={self.username!r})"  # the password is a secret


_MAX_CSR = 4096
"""Characters of a certificate signing request in PEM, at most."""

CertificateRequest = Annotated[str, Meta(max_length=_MAX_CSR)]
"""The request for a device's certificate, in PEM."""


class PairBody(msgspec.Struct, frozen=True):
    """PAIR's body: one of its steps, each with parameters of its own."""

    invitation: Annotated[int, Meta(ge=0, le=MAX_INVITATION)] | None = None
    message: SpakeMessage | None = None
    proof: Proof | None = None
    request: CertificateRequest | None = None
    device: Name | None = None
    machine: MachineId | None = None


class RenewBody(msgspec.Struct, frozen=True):
    """RENEW's body."""

    request: CertificateRequest


class GetBody(msgspec.Struct, frozen=True):
    """GET's body."""

    rel_endpoint: RelEndpoint
    offset: Size = 0
    length: Size | None = None
    if_hash: Hash | None = None
    recursive: bool = False
    batch: bool = False
    as_of: Moment | None = None
    hashes: bool = False


class CmpBody(msgspec.Struct, frozen=True):
    """CMP's body. Only what is given is compared."""

    rel_endpoint: RelEndpoint
    hash: Hash | None = None
    meta_data: MetaData = msgspec.field(default_factory=list)
    content_digest: Hash | None = None
    full_digest: Hash | None = None
    directories: bool = False
    writer: bool = False


class PushBody(msgspec.Struct, frozen=True):
    """PUSH's body; the content is the payload, with `hash_trailer` but for its last `HASH_BYTES`: the hash."""

    rel_endpoint: RelEndpoint
    hash: Hash | None = None
    hash_trailer: bool = False
    meta_data: MetaData = msgspec.field(default_factory=list)
    if_hash: Precondition | None = None
    offset: Size = 0
    kind: Literal["file", "directory", "batch"] = "file"


class SetstatBody(msgspec.Struct, frozen=True):
    """SETSTAT's body."""

    rel_endpoint: RelEndpoint
    meta_data: MetaData = msgspec.field(default_factory=list)
    if_hash: Hash | None = None


class DeleteBody(msgspec.Struct, frozen=True):
    """DELETE's body."""

    rel_endpoint: RelEndpoint
    if_hash: Hash | None = None
    recursive: bool = False


class MoveBody(msgspec.Struct, frozen=True):
    """MOVE's body."""

    rel_endpoint: RelEndpoint
    to: RelEndpoint
    if_hash: Hash | None = None
    if_to: Precondition | None = None


class CopyBody(MoveBody, frozen=True):
    """COPY's body: as MOVE's, for a file that also stays where it is."""


class VerifyBody(msgspec.Struct, frozen=True):
    """VERIFY's body."""

    rel_endpoint: RelEndpoint


class WatchBody(msgspec.Struct, frozen=True):
    """WATCH's body."""

    rel_endpoint: RelEndpoint


class DamageBody(msgspec.Struct, frozen=True):
    """A damaged file or version as VERIFY lists it."""

    name: str
    damage: str
    hash: Hash | None = None
    at: Moment | None = None
    mended: bool = False

    def value(self) -> Damage:
        """The value that it stands for."""
        return Damage(self.name, damage_kind(self.damage), self.hash, self.at, self.mended)


class TreeBody(msgspec.Struct, frozen=True):
    """The digests of a directory as they are encoded in an answer to CMP."""

    content_digest: Hash
    full_digest: Hash
    files: Size
    directories: Size
    bytes: Size
    skipped: Size = 0
    damaged: Size = 0

    @classmethod
    def of(cls, tree: TreeDigest) -> TreeBody:
        """The body that encodes a value."""
        return cls(tree.content, tree.full, tree.files, tree.directories, tree.size, tree.skipped, tree.damaged)

    def value(self) -> TreeDigest:
        """The value that it stands for."""
        return TreeDigest(
            content=self.content_digest,
            full=self.full_digest,
            files=self.files,
            directories=self.directories,
            size=self.bytes,
            skipped=self.skipped,
            damaged=self.damaged,
        )


class DirectoryDigestsBody(msgspec.Struct, frozen=True):
    """The digests of a directory beneath the one that is compared, in an interim answer to CMP."""

    name: str
    tree: TreeBody


class EntryBody(msgspec.Struct, frozen=True, gc=False):
    """An entry as it is encoded in a response: CMP's `remote`, GET's listings, PUSH's answers."""

    name: str
    kind: Kind
    size: Size = 0
    meta_data: MetaData = msgspec.field(default_factory=list)
    hash: Hash | None = None
    damaged: DamagedHash | None = None
    mtime_span: tuple[MetaNumber, MetaNumber] | None = None

    def entry(self) -> Entry:
        """The value that it stands for; of a metadata name that is given twice, the last counts."""
        meta = dict(self.meta_data)
        mtime_us, mode = meta.get("mtime_us"), meta.get("mode")
        return Entry(self.name, self.kind, self.size, mtime_us, mode, self.hash, "", self.damaged, self.mtime_span)


def meta_data(value: Entry | Version) -> list[tuple[str, int]]:
    """The metadata entries of a value, those that are known."""
    if value.mtime_us is None:
        return [] if value.mode is None else [("mode", value.mode)]
    if value.mode is None:
        return [("mtime_us", value.mtime_us)]
    return [("mtime_us", value.mtime_us), ("mode", value.mode)]


def entry_body(entry: Entry) -> dict[str, Any]:
    """An entry as the JSON object of a response; what is not known is left out."""
    body: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "size": entry.size,
        "meta_data": meta_data(entry),
    }
    if entry.hash is not None:
        body["hash"] = entry.hash
    if entry.damaged is not None:
        body["damaged"] = entry.damaged
    if entry.mtime_span is not None:
        body["mtime_span"] = entry.mtime_span
    return body


def damage_body(damage: Damage) -> dict[str, Any]:
    """A damage as the JSON object of a response; what is not known is left out."""
    body: dict[str, Any] = {"name": damage.name, "damage": damage.damage, "mended": damage.mended}
    if damage.hash is not None:
        body["hash"] = damage.hash
    if damage.at_us is not None:
        body["at"] = damage.at_us
    return body


def refusal_body(refused: Refusal) -> dict[str, Any]:
    """Why one of many things was refused, as a part of the JSON object that names it."""
    return {"status": int(refused.status), "message": refused.message}
