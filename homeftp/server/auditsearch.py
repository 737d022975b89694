"""Looks in the audit log for who stored a file. `homeftp.audit` writes the log.

What is found is for people: nothing is decided by it. The log may have lost the line, and a person may have moved it.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import Any, Iterator, Sequence

from homeftp.audit.log import Audit
from homeftp.endpoint import Endpoint
from homeftp.history.writer import Writer
from homeftp.model import SECOND_US

_STORED = ("add", "replace", "move")
"""The changes after which an endpoint has another content."""


def find_writer(audit: Audit, endpoint: Endpoint, content_hash: str) -> Iterator[Sequence[Writer]]:
    """The writer that last gave a file this content, by the newest part of the audit log.

    Gives what each step finds: nothing, or at the end the writer. Raises OSError.
    """
    for lines in audit.search(json.dumps(endpoint.whole).encode("ascii")):
        writers = (_writer(line, endpoint.whole, content_hash) for line in lines)
        found = [*islice(filter(None, writers), 1)]
        yield found
        if found:
            return


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
