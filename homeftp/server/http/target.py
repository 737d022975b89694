"""The target of a request: its path as names, and its query. Every rule of URLs is applied here, once.

Names come out decoded and in Unicode's composed form (NFC), as all of homeftp uses them. What could be taken for
another path by somebody on the way is refused: an encoded slash, an empty or a dot segment, a control character.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Mapping
from urllib.parse import parse_qsl, quote

import attrs

from homeftp.errors import BadRequest

MAX_TARGET = 12 * 1024
"""Bytes of a target, at most: a path of 4 KiB, of which each byte is written with three."""

MAX_FIELDS = 100
"""Fields of a query, at most."""

_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_SAFE = "!$&'()*+,;=:@~"
"""The characters that need no escape in a segment (RFC 3986, 3.3), besides letters, digits, `-`, `.` and `_`."""


@attrs.frozen
class RequestTarget:
    """The path and query of a request."""

    path: tuple[str, ...]
    """The names of its path; none for `/`."""
    is_folder: bool
    """Whether the path ends in a slash."""
    query: Mapping[str, str]
    """The fields of the query; of several with one name, the last."""


def parse_target(raw: str) -> RequestTarget:
    """The target of a request line. Raises `BadRequest` (20)."""
    if raw == "*":
        return RequestTarget((), True, {})
    if len(raw) > MAX_TARGET:
        raise BadRequest(f"the URL is longer than {MAX_TARGET} bytes")
    absolute = _ABSOLUTE.match(raw)
    if absolute is not None:
        raw = raw[absolute.end() :] or "/"
    if not raw.startswith("/") or "#" in raw:
        raise BadRequest("the request target is not a path: it must begin with /, and have no #")
    path, _, query = raw.partition("?")
    names, is_folder = parse_path(path)
    return RequestTarget(names, is_folder, _fields(query) if query else {})


def parse_path(path: str) -> tuple[tuple[str, ...], bool]:
    """The names of an absolute path, and whether it ends in a slash. Raises `BadRequest` (20)."""
    if path == "/":
        return (), True
    segments = path[1:].split("/")
    is_folder = segments[-1] == ""
    if is_folder:
        segments.pop()
    if "%" not in path and path.isascii():
        names = tuple(segments)
    else:
        names = tuple(map(_decoded, segments))
    for name in names:
        if name in ("", ".", "..") or "/" in name or not name.isprintable():
            _check(name)
    return names, is_folder


def _check(name: str) -> None:
    """Most names are printable: here are the others."""
    if name in ("", ".", ".."):
        raise BadRequest("the URL has an empty, a . or a .. segment: write it without")
    if "/" in name:
        raise BadRequest("the URL has an encoded slash (%2F) in a name: names cannot have one")
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise BadRequest("the URL has a control character in a name")


def _decoded(segment: str) -> str:
    """A segment with its escapes resolved, in NFC."""
    if _BAD_ESCAPE.search(segment):
        raise BadRequest("the URL has a % that is not an escape: write %25")
    try:
        pieces = segment.encode("latin-1").split(b"%")
        octets = pieces[0] + b"".join(bytes.fromhex(each[:2].decode("ascii")) + each[2:] for each in pieces[1:])
        return unicodedata.normalize("NFC", octets.decode("utf-8"))
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise BadRequest("the URL is not UTF-8") from None


def _fields(query: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise BadRequest(f"the query is not UTF-8, or has more than {MAX_FIELDS} fields") from None


def path_of(*names: str, is_folder: bool = False) -> str:
    """The path of these names as a URL has it."""
    path = "/" + "/".join(quote(name, safe=_SAFE) for name in names)
    return f"{path}/" if is_folder and names else path
