"""Files that are decided about together, to be requested together."""

from __future__ import annotations

import contextlib
from typing import Callable, Generic, Iterator, Sequence, TypeVar

T = TypeVar("T")


class Group(Generic[T]):
    """Collects items while it is open, up to `count` of them or `size` bytes; `send` gets what was collected.

    An item that comes while it is closed is sent at once.
    """

    def __init__(self, send: Callable[[Sequence[T]], None], *, count: int, size: int) -> None:
        self._send = send
        self._count = count
        self._size = size
        self._items: list[T] = []
        self._collected = 0
        self._depth = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Open it, for a step that may add many. May be nested."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._flush()

    def add(self, item: T, size: int) -> None:
        """Add an item of so many bytes."""
        if self._items and (len(self._items) == self._count or self._collected + size > self._size):
            self._flush()
        self._items.append(item)
        self._collected += size
        if not self._depth:
            self._flush()

    def _flush(self) -> None:
        items, self._items, self._collected = self._items, [], 0
        if items:
            self._send(items)
