"""A hub of changes with one who watches."""

from __future__ import annotations

from typing import Any, Sequence

from homeftp.files.watches.hub import ChangeHub
from homeftp.model import Change


class RecordingHub(ChangeHub):
    """Remembers what it is told in `heard`: lists of changes; None: that anything may have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.watching = True
        self.heard: list[Any] = []

    def __len__(self) -> int:
        return int(self.watching)

    def publish(self, changes: Sequence[Change]) -> None:
        """Remember what the server itself, or another one, has changed."""
        self.heard.append(list(changes))

    def tell(self, changes: Any) -> None:
        """Remember what others have changed."""
        self.heard.append(changes)
