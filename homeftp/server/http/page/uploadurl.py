"""The URL of an upload, which is all that is known of it: the path, and the size, time, hash and condition.

So any request can go on with it, also after the server was started again. It is no secret and no permission: each
request is allowed, or not, by the login that brings it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Mapping
from urllib.parse import urlencode

import attrs

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest
from homeftp.model import ABSENT, MAX_MTIME_US, MAX_SIZE, WriteRequest
from homeftp.server.http.target import path_of

_HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,19}\Z")
_SHOWN = 40
"""Characters of a wrong name in a message."""


@attrs.frozen
class UploadUrl:
    """The file that an upload is to become."""

    endpoint: Endpoint
    size: int
    mtime_us: int
    """With the path and the size it tells one upload from another; where the client has none, when it was begun."""
    hash: str | None = None
    """The hash of the whole, where the client knows it before it sends."""
    condition: str | None = None
    """The precondition at the path: `ABSENT`, or the hash of the content that is replaced."""

    @classmethod
    def of(cls, path: tuple[str, ...], query: Mapping[str, str]) -> UploadUrl:
        """The upload of a URL below `/upload/`. Raises `BadRequest` (20) and `BadEndpoint` (41)."""
        size = whole_number("size", query.get("size"), 0, MAX_SIZE)
        mtime_us = whole_number("mtime_us", query.get("mtime_us"), -MAX_MTIME_US, MAX_MTIME_US)
        return cls(_endpoint("/".join(path)), size, mtime_us, _hash(query.get("hash")), _condition(query.get("if")))

    @classmethod
    def created(cls, length: str | None, metadata: str | None, now_us: int) -> UploadUrl:
        """The upload that a POST asks for, by `Upload-Length` and `Upload-Metadata`.

        The metadata have `path`, or `filename` as other clients of tus call it, and may have `mtime_us`, `hash` and
        `if`. Raises `BadRequest` (20) and `BadEndpoint` (41).
        """
        size = whole_number("Upload-Length", length, 0, MAX_SIZE)
        given = _metadata(metadata or "")
        path = given.get("path") or given.get("filename")
        if not path:
            raise BadRequest("Upload-Metadata needs a path: the name of the file, behind the folders that it is in")
        mtime_us = whole_number("mtime_us", given.get("mtime_us") or str(now_us), -MAX_MTIME_US, MAX_MTIME_US)
        return cls(_endpoint(path), size, mtime_us, _hash(given.get("hash")), _condition(given.get("if")))

    def location(self) -> str:
        """The URL at which the upload is continued."""
        fields: dict[str, object] = {"size": self.size, "mtime_us": self.mtime_us}
        if self.hash is not None:
            fields["hash"] = self.hash
        if self.condition is not None:
            fields["if"] = self.condition
        return f"{path_of('upload', *self.endpoint.parts)}?{urlencode(fields)}"

    def write_request(self, offset: int) -> WriteRequest:
        """The request to the store for what follows `offset`."""
        return WriteRequest(
            endpoint=self.endpoint,
            size=self.size,
            hash=self.hash,
            mtime_us=self.mtime_us,
            precondition=self.condition,
            offset=offset,
        )


def _endpoint(path: str) -> Endpoint:
    endpoint = parse(path)
    if not endpoint.parts:
        raise BadRequest("an upload needs the path of a file")
    return endpoint


def whole_number(name: str, text: str | None, least: int, most: int) -> int:
    """The number that a field has. Raises `BadRequest` (20), naming it."""
    if text is None or not _NUMBER.match(text) or not least <= int(text) <= most:
        raise BadRequest(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _hash(text: str | None) -> str | None:
    if text is not None and not _HASH.match(text):
        raise BadRequest("hash must be `sha256:` and 64 hexadecimal digits in small letters")
    return text


def _condition(text: str | None) -> str | None:
    return text if text == ABSENT else _hash(text)


def _metadata(text: str) -> dict[str, str]:
    """The pairs of `Upload-Metadata`: names, each followed by a value in base64."""
    found = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadRequest(f"Upload-Metadata: the value of {name[:_SHOWN]!a} is not UTF-8 in base64") from None
    return found
