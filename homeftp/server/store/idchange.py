"""The change of the store's id while a server runs: a replica of the cluster's database took over.

The replica may lack what was acknowledged, and a client takes that for removed as long as it knows the id of before.
"""

from __future__ import annotations

from typing import Callable, Iterable

from twisted.logger import Logger

from homeftp.files.watches.hub import ChangeHub
from homeftp.interfaces import IConnection


class StoreIdChange:
    """Lets all clients know that the store has another id: at their next HELLO, which comes before anything else."""

    _log = Logger()

    def __init__(
        self, in_reactor: Callable[..., object], connections: Callable[[], Iterable[IConnection]], hub: ChangeHub
    ) -> None:
        """`connections` are those whose clients know the id.

        `in_reactor(call)` calls on the reactor's thread, in the order of the calls, from any thread.
        """
        self._in_reactor = in_reactor
        self._connections = connections
        self._hub = hub

    def noticed(self) -> None:
        """The store has another id. In any thread, before anything that was read since is answered."""
        self._in_reactor(self._abort)
        self._hub.tell(None)

    def _abort(self) -> None:
        self._log.warn(
            "the database was restored, or a replica took over: clients have to connect again, and syncs keep what "
            "either side has"
        )
        for connection in list(self._connections()):
            connection.abort()
