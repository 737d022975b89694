"""Workers that do each job at once, and remember through whose queue it came."""

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

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def of(self, account: str) -> NamedQueues:
        return NamedQueues(account, self.used)

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        self.used.append(self.account)
        return super().run(job, *args)
