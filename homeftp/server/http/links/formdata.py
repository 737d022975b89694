"""Forms with files (multipart/form-data, RFC 7578) as they arrive: events for the content of each part.

The parser is python-multipart's, which holds no more than a header at a time; here are its bounds, and the rules for
the names of files.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import NamedTuple, Sequence

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from homeftp.endpoint import MAX_NAME_BYTES, name_problem
from homeftp.errors import BadRequest, TooLarge

MOST_PARTS = 10_000
"""Parts of one form, at most: as many files as a person may choose at once."""

_UNNAMED = "upload"
"""The name of a file whose own name cannot be kept at all."""

_ILLEGAL = re.compile(r'[\\/<>:"|?*]')
_SUFFIX = 32
"""Bytes of the end of a name, from its last dot, that are kept where it is too long."""


class PartBegin(NamedTuple):
    """The beginning of a part. `filename` is None for a field that is not a file, and "" where no file was chosen."""

    field: str
    filename: str | None


class PartData(NamedTuple):
    """More bytes of the content of the part that has begun."""

    data: bytes


class PartEnd(NamedTuple):
    """The end of the part that has begun."""


PartEvent = PartBegin | PartData | PartEnd


class FormReader:
    """Reads the body of one request. Raises `BadRequest` (20) for what is no form with files."""

    def __init__(self, content_type: str | None) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise BadRequest("a form with files is expected here (multipart/form-data)")
        self._events: list[PartEvent] = []
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
        except FormParserError:
            raise _malformed() from None
        # What a client sends wrong is answered; otherwise it would be on standard error.
        self._parser.logger = logging.Logger("forms", logging.CRITICAL + 1)

    def feed(self, data: bytes) -> Sequence[PartEvent]:
        """The events in the next bytes of the body. Raises `BadRequest` (20); `TooLarge` (22) for too many parts."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _malformed() from None
        events, self._events = self._events, []
        return events

    def end(self) -> None:
        """The body has ended. Raises `BadRequest` (20) where the form has not."""
        if not self._ended:
            raise _malformed()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooLarge(f"the form has more than {MOST_PARTS:,} parts: send fewer files at once")
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        filename = options.get(b"filename")
        field = options.get(b"name", b"").decode("utf-8", "replace")
        self._events.append(PartBegin(field, None if filename is None else filename.decode("utf-8", "replace")))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(data[start:end]))

    def _end(self) -> None:
        self._events.append(PartEnd())

    def _finish(self) -> None:
        self._ended = True


def _malformed() -> BadRequest:
    return BadRequest("the form is cut short or malformed")


def kept_name(given: str) -> str:
    """The name under which a file is stored that a browser calls so: the same, or the nearest that is legal.

    Of a path only the last part counts. Browsers write a quotation mark as `%22` (HTML, "multipart/form-data").
    """
    name = unicodedata.normalize("NFC", re.split(r"[\\/]", given)[-1])
    name = "".join("_" if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in name)
    name = _shortened(_ILLEGAL.sub("_", name), MAX_NAME_BYTES).strip(" ").rstrip(". ")
    if name and name_problem(name) is not None:  # a device's name, or a reserved one
        name = _shortened(f"_{name}", MAX_NAME_BYTES)
    return name if name and name_problem(name) is None else _UNNAMED


def numbered(name: str, number: int) -> str:
    """The name with a number before its suffix: `lake (2).jpg`."""
    stem, suffix = _split(name)
    mark = f" ({number})"
    return _shortened(stem, MAX_NAME_BYTES - len(mark) - len(suffix.encode())) + mark + suffix


def _split(name: str) -> tuple[str, str]:
    """A name and its suffix; a suffix that is long is none."""
    dot = name.rfind(".")
    if dot <= 0 or len(name[dot:].encode()) > _SUFFIX:
        return name, ""
    return name[:dot], name[dot:]


def _shortened(name: str, most: int) -> str:
    """The name in at most so many bytes; its suffix stays."""
    if len(name.encode()) <= most:
        return name
    stem, suffix = _split(name)
    return stem.encode()[: most - len(suffix.encode())].decode("utf-8", "ignore").rstrip(". ") + suffix
