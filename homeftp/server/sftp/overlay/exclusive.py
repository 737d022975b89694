"""Names that a session has made with the condition that they are new, and that only this session sees yet.

Programs use such files as locks. What is not committed shows to its session only, so the others are told here.
"""

from __future__ import annotations

from typing import Callable

from homeftp.endpoint import Endpoint


class ExclusiveNames:
    """The names that are taken, of all sessions of one server, from the root of the store."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, ...]] = set()

    def reserve(self, endpoint: Endpoint) -> Callable[[], None] | None:
        """Take a name; what gives it back, and may be called twice. None where another session has it."""
        parts = endpoint.parts
        if parts in self._taken:
            return None
        self._taken.add(parts)
        given: list[bool] = []

        def release() -> None:
            if not given:
                given.append(True)
                self._taken.discard(parts)

        return release

    def __len__(self) -> int:
        return len(self._taken)
