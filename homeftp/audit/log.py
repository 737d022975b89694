"""The audit log: who did what, from where, and when; one line of JSON for each event.

The server writes a line before it answers. All but printable ASCII is escaped,
so that no file name can move a terminal's cursor or begin a line of its own.
docs/owner/audit.rst describes the fields.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Callable, Iterator, Sequence

import msgspec

from homeftp.audit.choice import sink_of
from homeftp.audit.interface import AuditSink
from homeftp.host import now
from homeftp.model import Actor, Change
from homeftp.status import Status

_LONGEST_TEXT = 512
"""Characters that are kept of text from a client, which may be there to fill the log; endpoints are kept whole."""

_DELETE = b"\x7f"
"""The only character of ASCII that is not printable and that msgspec does not escape."""

_escaped = json.JSONEncoder(separators=(",", ":")).encode


class Audit:
    """The log of the server whose state folder is `folder`. Blocks; safe in several threads and processes.

    It is in files there, or in the database of the cluster that the server
    belongs to, unless another `sink` is given: a new file is begun after `size`
    bytes (None: never), and `kept` are kept, the current one among them. It is
    opened when it is first written to, or by `open`.
    """

    def __init__(
        self,
        folder: str,
        *,
        size: int | None = None,
        kept: int = 2,
        now: Callable[[], datetime] = now,
        sink: AuditSink | None = None,
    ) -> None:
        self._sink_of = partial(sink_of, folder, size=size, kept=kept)
        self._given = sink
        self._now = now

    @cached_property
    def _sink(self) -> AuditSink:
        return self._sink_of() if self._given is None else self._given

    def open(self) -> Audit:
        """Open the log; gives itself. Raises `OperatorError` where it cannot be opened or others may read it."""
        self._sink.open()
        return self

    def close(self) -> None:
        """Close the log; nothing can be written any more."""
        self._sink.close()

    def changed(self, changes: Sequence[Change]) -> None:
        """Record changes of the store, in this order, all or none of them. Raises OSError."""
        self.append(self.lines(changes))

    def lines(self, changes: Sequence[Change]) -> list[bytes]:
        """The lines that record changes of the store, for one who writes them together with the changes."""
        time = self._time()
        lines = []
        actor, beginning = None, b""
        for each in changes:
            if each.actor is not actor:  # mostly many in a row are of one request
                actor = each.actor
                beginning = _encoded(_begun_line(time, "change", actor, Status.OK))[:-1] + b","
            lines.append(beginning + _encoded(_fields(each))[1:] + b"\n")
        return lines

    def note(self, event: str, actor: Actor, status: int = Status.OK, **fields: Any) -> None:
        """Record one other event, such as a login. Raises OSError."""
        shown = {name: _short(value) for name, value in fields.items()}
        self.append([_line(self._time(), event, actor, status, shown)])

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines at the end of the log, all or none of them: every record goes through here. Raises OSError."""
        self._sink.append(lines)

    def maintain(self) -> None:
        """Remove what is too much. Called now and then. Raises OSError."""
        self._sink.maintain()

    def search(self, text: bytes) -> Iterator[Sequence[bytes]]:
        """The newest lines that have a text, the newest first, in steps of a few milliseconds. Raises OSError."""
        return self._sink.search(text)

    def _time(self) -> str:
        return self._now().isoformat(timespec="microseconds")


def _begun_line(time: str, event: str, actor: Actor, status: int) -> dict[str, Any]:
    """The fields that every line has."""
    return {
        "time": time,
        "event": event,
        "account": _short(actor.account),
        "device": _short(actor.device),
        "address": actor.address,
        "request": _short(actor.request),
        "status": int(status),
        **({} if actor.front_end is None else {"front_end": actor.front_end}),
    }


def _line(time: str, event: str, actor: Actor, status: int, fields: dict[str, Any]) -> bytes:
    line = _begun_line(time, event, actor, status)
    line.update((name, value) for name, value in fields.items() if value is not None)
    return _encoded(line) + b"\n"


def _encoded(line: dict[str, Any]) -> bytes:
    """A line in printable ASCII: most of them by the encoder that is ten times as fast, and escapes less."""
    try:
        encoded = msgspec.json.encode(line)
    except (UnicodeEncodeError, TypeError):  # a lone surrogate; a subclass of `str`, which it refuses
        return _escaped(line).encode("ascii")
    return encoded if encoded.isascii() and _DELETE not in encoded else _escaped(line).encode("ascii")


def _fields(change: Change) -> dict[str, Any]:
    fields: dict[str, Any] = {"change": change.what, "kind": change.kind, "endpoint": change.endpoint.whole}
    if change.to is not None:
        fields["to"] = change.to.whole
    others = (
        ("size", change.size),
        ("hash", change.hash),
        ("old_size", change.old_size),
        ("old_hash", change.old_hash),
        ("owner", change.owner),
    )
    fields.update((name, value) for name, value in others if value is not None)
    return fields


def _short(value: Any) -> Any:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
