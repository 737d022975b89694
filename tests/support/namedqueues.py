"""Workers that do each job, and make each turn, at once, and remember whose it was."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred

from homeftp.workers import InlineWorkers

T = TypeVar("T")


@attrs.define(eq=False)
class NamedQueues(InlineWorkers):
    """The queues of one pool."""

    account: str | None = None
    used: list[str | None] = attrs.field(factory=list)
    """The account of each job, in their order; None: the program itself."""
    turns: list[str | None] = attrs.field(factory=list)
    """The account of each turn."""

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def of(self, account: str) -> NamedQueues:
        return NamedQueues(account, self.used, self.turns)

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        self.used.append(self.account)
        return super().run(job, *args)

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        self.turns.append(self.account)
        super().in_turn(call, *args)
