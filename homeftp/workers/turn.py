"""Long work on the reactor's thread in parts, with the turns of other accounts between them."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from homeftp.interfaces import IWorkers


def turn(workers: IWorkers) -> Deferred[None]:
    """Fires when the account has its next turn: await it before each part of what takes more than a millisecond."""
    had: Deferred[None] = Deferred()
    workers.in_turn(had.callback, None)
    return had
