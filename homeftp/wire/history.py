"""The messages about what was there earlier: to list it, put it back, or remove it for good; and who stored a file.

The bodies of the other requests, and the types of all parameters, are in `homeftp.wire.messages`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeftp.errors import Refusal, refusal
from homeftp.history.changes import Pruned, Reverted, RevertedTo
from homeftp.history.writer import Writer
from homeftp.model import MAX_SIZE, Kind, Version
from homeftp.wire.messages import (
    Hash,
    MetaData,
    Moment,
    Name,
    Precondition,
    RelEndpoint,
    Size,
    meta_data,
    refusal_body,
)


class VersionsBody(msgspec.Struct, frozen=True):
    """VERSIONS' body."""

    rel_endpoint: RelEndpoint


class RestoreBody(msgspec.Struct, frozen=True):
    """RESTORE's body: `at` and `if_hash` are for one file, `as_of` and `dry_run` for `recursive`."""

    rel_endpoint: RelEndpoint
    at: Moment | None = None
    if_hash: Precondition | None = None
    recursive: bool = False
    as_of: Moment | None = None
    dry_run: bool = False


class PruneBody(msgspec.Struct, frozen=True):
    """PRUNE's body."""

    rel_endpoint: RelEndpoint
    before: Moment | None = None
    keep: Annotated[int, Meta(ge=0, le=MAX_SIZE)] = 0
    dry_run: bool = False


class VersionBody(msgspec.Struct, frozen=True):
    """A version as VERSIONS lists it."""

    name: str
    at: Moment
    size: Size = 0
    meta_data: MetaData = msgspec.field(default_factory=list)
    hash: Hash | None = None

    def value(self) -> Version:
        """The value that it stands for."""
        meta = dict(self.meta_data)
        return Version(self.name, self.at, self.size, meta.get("mtime_us"), meta.get("mode"), self.hash)


class WriterBody(msgspec.Struct, frozen=True):
    """The writer of a file, as it is encoded in an answer to CMP."""

    account: Name
    at: Moment
    device: Name | None = None

    def value(self) -> Writer:
        """The value that it stands for."""
        return Writer(self.account, self.device, self.at)


class RevertedBody(msgspec.Struct, frozen=True):
    """The result of one name, as a recursive RESTORE lists it."""

    name: str
    outcome: RevertedTo
    kind: Kind = "file"
    at: Moment | None = None
    size: Size = 0
    hash: Hash | None = None
    status: int | None = None
    message: str = ""

    def value(self) -> Reverted:
        """The value that it stands for."""
        return Reverted(
            name=self.name,
            outcome=self.outcome,
            kind=self.kind,
            at_us=self.at,
            size=self.size,
            hash=self.hash,
            refusal=_refusal(self.status, self.message),
        )


class PrunedBody(msgspec.Struct, frozen=True):
    """A version that PRUNE removed, or could not remove."""

    name: str
    at: Moment
    size: Size = 0
    status: int | None = None
    message: str = ""

    def value(self) -> Pruned:
        """The value that it stands for."""
        return Pruned(name=self.name, at_us=self.at, size=self.size, refusal=_refusal(self.status, self.message))


def version_body(version: Version) -> dict[str, Any]:
    """A version as the JSON object of a response; what is not known is left out."""
    body: dict[str, Any] = {
        "name": version.name,
        "at": version.at_us,
        "size": version.size,
        "meta_data": meta_data(version),
    }
    if version.hash is not None:
        body["hash"] = version.hash
    return body


def writer_body(writer: Writer) -> dict[str, Any]:
    """The writer of a file as the JSON object of a response; an unknown device is left out."""
    device = {} if writer.device is None else {"device": writer.device}
    return {"account": writer.account, **device, "at": writer.at_us}


def reverted_body(reverted: Reverted) -> dict[str, Any]:
    """The result of a name as the JSON object of a response; unknown fields are left out."""
    body: dict[str, Any] = {"name": reverted.name, "outcome": reverted.outcome, "kind": reverted.kind}
    if reverted.refusal is not None:
        return {**body, **refusal_body(reverted.refusal)}
    body["size"] = reverted.size
    if reverted.at_us is not None:
        body["at"] = reverted.at_us
    if reverted.hash is not None:
        body["hash"] = reverted.hash
    return body


def pruned_body(pruned: Pruned) -> dict[str, Any]:
    """A version that was removed, or not, as the JSON object of a response."""
    body: dict[str, Any] = {"name": pruned.name, "at": pruned.at_us, "size": pruned.size}
    return body if pruned.refusal is None else {**body, **refusal_body(pruned.refusal)}


def _refusal(status: int | None, message: str) -> Refusal | None:
    return None if status is None else refusal(status, message)
