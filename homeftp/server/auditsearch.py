"""Looks in the audit log for who stored a file. homeftp/audit.py writes the log.

What is found is for people: nothing is decided by it. The log may have lost the line, and a person may have moved it.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from itertools import islice
from typing import Any, Iterator, Sequence

from homeftp.audit import Audit
from homeftp.config import MIB
from homeftp.endpoint import Endpoint
from homeftp.history.writer import Writer
from homeftp.model import SECOND_US

SEARCHED = 32 * MIB
"""Bytes at the end of the log that are searched: about a hundred thousand lines."""

_SEARCHED_AT_ONCE = MIB
"""Bytes that are searched in one step: it takes a few milliseconds."""

_STORED = ("add", "replace", "move")
"""The changes after which an endpoint has another content."""


def find_writer(audit: Audit, endpoint: Endpoint, content_hash: str) -> Iterator[Sequence[Writer]]:
    """Who last gave a file this content, by the newest part of the audit log.

    Gives what each step finds: nothing, or at the end the writer. Raises OSError.
    """
    left = SEARCHED
    for fd in audit.files():
        size = os.fstat(fd).st_size
        for lines in _lines_with(json.dumps(endpoint.whole).encode("ascii"), fd, size, max(0, size - left)):
            writers = (_writer(line, endpoint.whole, content_hash) for line in lines)
            found = [*islice(filter(None, writers), 1)]
            yield found
            if found:
                return
        left -= size
        if left <= 0:
            return


def _lines_with(text: bytes, fd: int, end: int, start: int) -> Iterator[Sequence[bytes]]:
    """The lines that have a text, the newest first, in steps. The first line of all may be a part of one."""
    rest = b""
    while end > start:
        begin = max(start, end - _SEARCHED_AT_ONCE)
        data = os.pread(fd, end - begin, begin) + rest
        end = begin
        if begin > start:
            rest, _, data = data.partition(b"\n")
        lines, at = [], len(data)
        while (at := data.rfind(text, 0, at)) >= 0:
            first, after = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            lines.append(data[first : after if after >= 0 else len(data)])
            at = first
        yield lines


def _writer(line: bytes, endpoint: str, content_hash: str) -> Writer | None:
    """The writer that a line names, if it is about that content at that endpoint."""
    try:
        fields: dict[str, Any] = json.loads(line)
    except ValueError:
        return None  # a power cut left part of a line
    place = fields.get("to") or fields.get("endpoint")
    if fields.get("change") not in _STORED or (place, fields.get("hash")) != (endpoint, content_hash):
        return None
    account, time = fields.get("account"), fields.get("time")
    if account is None or time is None:
        return None
    return Writer(account, fields.get("device"), round(datetime.fromisoformat(time).timestamp() * SECOND_US))
