"""Paths as a user writes them: parsed, local ones and those on the server."""

from __future__ import annotations

import os
from typing import NamedTuple

from homeftp.client.files.names import endpoint_name, wire_name
from homeftp.endpoint import Endpoint, name_problem, parse
from homeftp.errors import BadEndpoint, OperatorError

_SEPARATORS = tuple({"/", os.sep, os.altsep or "/"})


class RemotePath(NamedTuple):
    """A path on the server."""

    endpoint: Endpoint
    inside: bool
    """Whether it names the content of a folder: it is the top, or ends with `/` or `.`."""


class LocalPath(NamedTuple):
    """A local path."""

    path: str
    name: str
    """Its last name, in the form of the wire."""
    inside: bool
    """Whether it names the content of a folder: it ends with `/` or `.`."""


def parse_remote_path(path: str) -> RemotePath:
    """Parse a path on the server; raises `OperatorError`.

    All paths begin at the shared folder: `/a`, `./a` and `a` are the same,
    because users of rsync and scp type all three.
    """
    parts = wire_name(path).split("/")
    trimmed = "/".join(_typed(part) for part in parts if part not in ("", "."))
    try:
        return RemotePath(parse(trimmed), not trimmed or parts[-1] in ("", "."))
    except BadEndpoint as error:
        if "*" in path or "?" in path:
            raise OperatorError(f"{path} is a pattern, but one path is needed: name one file or folder") from None
        raise OperatorError(error.message) from None


def _typed(part: str) -> str:
    """A part of a path as it is on the server: a local name may be typed too, but for wildcards and `..`."""
    if part == ".." or name_problem(part) is None or any(wild in part for wild in "*?"):
        return part
    return endpoint_name(part, strict=False)


def parse_local_path(path: str, *, strict_names: bool = False) -> LocalPath:
    """Parse a local path; with `strict_names` its name is not escaped."""
    inside = path.endswith(_SEPARATORS) or os.path.basename(path) in (".", "..")
    return LocalPath(path, endpoint_name(os.path.basename(os.path.abspath(path)), strict=strict_names), inside)


def endpoint_inside(target: RemotePath, source: LocalPath) -> Endpoint:
    """The endpoint of a source inside the target, under its own name; raises `OperatorError`."""
    check_name(target.endpoint, source.name)
    return target.endpoint.child(source.name)


def check_name(base: Endpoint, name: str) -> None:
    """Check that `name` is legal inside `base`; raises `OperatorError`."""
    try:
        base.child(name)
    except BadEndpoint as error:
        raise OperatorError(f"{error.message}: rename it, or name the target yourself") from None
