"""The change of the store's id while a server runs: a replica of the cluster's database took over.

The replica may lack what was acknowledged, and a client that knows the former id takes that for removed.
"""

from __future__ import annotations

from typing import Callable, Iterable

from twisted.logger import Logger

from homeftp.files.watches.hub import ChangeHub
from homeftp.interfaces import IConnection


class StoreIdChange:
    """Ends the connections of clients when the store has another id: they connect again, and HELLO has it."""

    _log = Logger()

    def __init__(
        self, in_reactor: Callable[..., object], connections: Callable[[], Iterable[IConnection]], hub: ChangeHub
    ) -> None:
        """`connections` gives the connections whose clients know the id.

        `in_reactor(call)` calls on the reactor's thread, in the order of the calls, from any thread.
        """
        self._in_reactor = in_reactor
        self._connections = connections
        self._hub = hub

    def noticed(self) -> None:
        """End the connections, and tell watches that anything may have changed.

        Called in any thread, before an answer has anything that was read with the new id.
        """
        self._in_reactor(self._abort)
        self._hub.tell(None)

    def _abort(self) -> None:
        self._log.warn(
            "the database was restored, or a replica took over: clients have to connect again, and syncs keep what "
            "either side has"
        )
        for connection in list(self._connections()):
            connection.abort()
