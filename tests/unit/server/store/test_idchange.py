"""The store gets another id while the server runs."""

from __future__ import annotations

from typing import Callable, cast

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces import IConnection
from homeftp.server.store.idchange import StoreIdChange
from tests.support.hubs import RecordingHub


@attrs.define
class _Connection:
    aborted: int = 0

    def abort(self) -> None:
        self.aborted += 1


class StoreIdChangeTests(SynchronousTestCase):
    """One connection."""

    def test_noticed(self) -> None:
        """Connections of clients that know the id end, on the reactor's thread; those who watch hear of it at once."""
        connection, hub = _Connection(), RecordingHub()
        calls: list[Callable[[], None]] = []
        StoreIdChange(calls.append, lambda: [cast(IConnection, connection)], hub).noticed()
        self.assertEqual((connection.aborted, hub.heard), (0, [None]))
        for call in calls:
            call()
        self.assertEqual(connection.aborted, 1)
