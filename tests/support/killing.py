"""A server that is killed before a certain call of its engines: what came before it has happened, and no more."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator
from unittest import mock

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.objects import Bucket

_CALLS: list[tuple[type, str]] = [
    *((Transaction, name) for name in ("execute", "rows", "row")),
    *((Database, name) for name in ("rows", "row")),
    *((Bucket, name) for name in ("put", "get_many", "delete")),
]


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Counts calls of the engines, and ends the one that has a number."""

    def __init__(self, at: int | None) -> None:
        self.calls = 0
        self._at = at

    def call(self, whole: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """One call."""
        self.calls += 1
        if self.calls == self._at:
            raise Killed
        return whole(*arguments, **options)


@contextlib.contextmanager
def killing(at: int | None) -> Iterator[Killer]:
    """In the block the call with that number ends the server, if there are so many."""
    killer = Killer(at)
    with contextlib.ExitStack() as stack:
        for owner, name in _CALLS:
            whole = getattr(owner, name)

            def replaced(*arguments: Any, whole: Callable[..., Any] = whole, **options: Any) -> Any:
                return killer.call(whole, *arguments, **options)

            stack.enter_context(mock.patch.object(owner, name, replaced))
        yield killer
