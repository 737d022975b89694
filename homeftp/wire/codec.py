"""Lines to messages and messages to lines: pure and strict. No other module encodes or decodes JSON of the wire.

A line is UTF-8 (never UTF-16 or UTF-32), one JSON object, without its line
ending. Decoding refuses with `BadRequest`, which names the fault: it never
raises anything else, whatever the bytes. NaN and Infinity are no JSON; of a
key that stands twice the last counts; unknown fields are ignored.
"""

from __future__ import annotations

import codecs
import functools
import re
from typing import Any, Mapping, TypeVar, cast

import msgspec

from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE
from homeftp.endpoint import parse
from homeftp.errors import BadRequest, TooLarge
from homeftp.model import MAX_SIZE
from homeftp.status import Status
from homeftp.wire.messages import PATTERNS, Identifier, RelEndpoint, Request, Response

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode

_DECODERS = 256
"""Decoders that are kept: more than there are kinds of bodies."""

_WIDEST = 4
"""Bytes of a code unit of UTF-32."""


@functools.lru_cache(maxsize=_DECODERS)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_decode_special)


def _decode_special(kind: type, value: Any) -> Any:
    """Decode endpoints, which msgspec does not know. Raises `BadEndpoint` (41); msgspec would replace a TypeError."""
    if kind is not RelEndpoint:
        raise TypeError(f"values of {kind.__name__} cannot be decoded")
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{_JSON_NAMES.get(type(value), 'object')}`")
    return parse(value)


_JSON_NAMES = {int: "int", float: "float", bool: "bool", list: "array", dict: "object", type(None): "null"}
"""The names of JSON's types in msgspec's messages."""


def _decode(data: bytes | msgspec.Raw, kind: type[T], what: str) -> T:
    try:
        decoded: T = _decoder(cast(Any, kind)).decode(data)
        return decoded
    except msgspec.ValidationError as error:
        raise BadRequest(f"{what}: {_in_words(error)}") from None
    except RecursionError:
        raise BadRequest(f"{what}: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        fault = "a \\u escape is one half of a pair (a lone surrogate)" if _lone_surrogate(bytes(data)) else error
        raise BadRequest(f"{what} is not JSON: {fault}") from None


def _in_words(error: msgspec.ValidationError) -> str:
    """The message of msgspec, with a description in the place of a pattern."""
    text = str(error)
    for pattern, words in PATTERNS.items():
        text = text.replace(f"`str` matching regex {pattern!r}", words)
    return text


_WELL_PAIRED = re.compile(
    rb"""(?: [^\\]                                                  # no escape
          | \\[^u]
          | \\u (?![dD][89a-fA-F])                                  # no surrogate
          | \\u [dD][89abAB][0-9a-fA-F]{2} \\u [dD][c-fC-F]         # a high one, and its low one
        )*""",
    re.VERBOSE | re.DOTALL,
)


def _lone_surrogate(line: bytes) -> bool:
    """Whether an escape is a lone surrogate, which msgspec reports as truncated input."""
    paired = _WELL_PAIRED.match(line)
    return paired is not None and line[paired.end() :].startswith(b"\\u")


def _utf8(line: bytes) -> None:
    """Check the whole line: msgspec does not look inside the values that it skips."""
    if line.isascii() and b"\0" not in line[:_WIDEST]:
        return  # as most lines
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line[:_WIDEST]:
        raise BadRequest("the line is not UTF-8 but, as it seems, UTF-16 or UTF-32: send it in UTF-8")
    if line.startswith(codecs.BOM_UTF8):
        raise BadRequest("the line begins with a byte order mark: leave it out")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the line is not UTF-8 at byte {error.start}: send it in UTF-8") from None


def check_kind(kind: type) -> None:
    """Raise TypeError, in one line, for a class that no body can be decoded into."""
    try:
        _decoder(cast(Any, kind))
    except Exception as error:  # noqa: BLE001 (whatever its annotations lead to)
        raise TypeError(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def decode_request(line: bytes) -> Request:
    """The request of a line.

    Raises `BadRequest` for anything that is not one JSON object in UTF-8 with
    the parameters of `Request`.
    """
    _utf8(line)
    return _decode(line, Request, "the request")


def decode_response(line: bytes) -> Response:
    """The response of a line; raises `BadRequest` for anything else."""
    _utf8(line)
    return _decode(line, Response, "the response")


def decode_body(request_type: str, body: msgspec.Raw, kind: type[T]) -> T:
    """A request's body as `kind`, a class of attrs or a `msgspec.Struct`.

    Raises `BadRequest` (20), naming the parameter, and `BadEndpoint` (41) for a `RelEndpoint` that cannot be one.
    """
    return _decode(body, kind, f"the body of {request_type}")


def decode_entry(line: bytes, kind: type[T]) -> T:
    """An entry in the payload of a batch as `kind`; raises `BadRequest` (20)."""
    _utf8(line)
    return _decode(line, kind, "the entry")


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """The line of an entry in the payload of a batch, with its ending."""
    return _encode(entry) + b"\n"


def convert(value: Any, kind: type[T], what: str) -> T:
    """A part of a response's body, already decoded, as `kind`; raises `BadRequest`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{what}: {error}") from None


def encode_request(
    request_type: str,
    body: dict[str, Any] | None = None,
    *,
    id: Identifier = None,
    content_length: int = 0,
) -> bytes:
    """A request's line, without its ending. Absent parameters are left out."""
    message: dict[str, Any] = {"request_type": request_type}
    if id is not None:
        message["id"] = id
    if content_length:
        message["content_length"] = content_length
    if body:
        message["body"] = body
    return _encode(message)


def encode_response(
    status: int,
    message: str,
    body: dict[str, Any] | None = None,
    *,
    id: Identifier = None,
    content_length: int = 0,
    more: bool = False,
) -> bytes:
    """A response's line, without its ending. Absent parameters are left out."""
    response: dict[str, Any] = {"status": int(status), "message": message}
    if id is not None:
        response["id"] = id
    if body:
        response["body"] = body
    if content_length:
        response["content_length"] = content_length
    if more:
        response["more"] = True
    return _encode(response)


def request_line(
    request_type: str,
    body: dict[str, Any] | None = None,
    *,
    id: Identifier = None,
    content_length: int = 0,
) -> bytes:
    """A request's line with its ending, as it may be sent. Raises `TooLarge` (22) over the limit of a line."""
    if not 0 <= content_length <= MAX_SIZE:
        raise ValueError(f"a payload of {content_length} bytes")
    line = encode_request(request_type, body, id=id, content_length=content_length)
    if len(line) > MAX_REQUEST_LINE:
        raise TooLarge(f"the request's line has {len(line)} bytes: at most {MAX_REQUEST_LINE} are allowed")
    return line + b"\n"


def response_line(
    status: int,
    message: str,
    body: dict[str, Any] | None = None,
    *,
    id: Identifier = None,
    content_length: int = 0,
    more: bool = False,
) -> bytes:
    """A response's line with its ending, as it may be sent.

    Raises ValueError for a status that does not exist, for `more` with any
    status but 0, and for a line or a payload over its limit.
    """
    if more and status != Status.OK:
        raise ValueError(f"a response with `more` has status 0, not {status}")
    if not 0 <= content_length <= MAX_SIZE:
        raise ValueError(f"a payload has {content_length} bytes")
    line = encode_response(Status(status), message, body, id=id, content_length=content_length, more=more)
    if len(line) > MAX_RESPONSE_LINE:
        raise ValueError(f"a response's line has {len(line)} bytes: {MAX_RESPONSE_LINE} are allowed")
    return line + b"\n"
