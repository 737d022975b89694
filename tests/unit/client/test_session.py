"""The connection of a client and its login, against a real server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from homeftp.client import Client, ConnectionFailed
from homeftp.config import PROTOCOL_VERSION, STREAM_PIECE
from homeftp.errors import LoginFailed, LoginRequired
from tests.support.fakeserver import identity
from tests.support.inmemory import PASSWORD
from tests.support.transfers import TransferCase


class SessionTests(TransferCase):
    """Login and HELLO."""

    def test_hello(self) -> None:
        """After login the client knows the server, its limits, and its own account."""
        about = self.client.server_info
        self.assertEqual((about.protocol, about.account), (PROTOCOL_VERSION, "ann"))
        self.assertEqual(about.server, identity("home").server_name)
        self.assertIn("PUSH", about.request_types)
        self.assertGreaterEqual(about.limits.in_flight, 1)

    def test_wrong_password(self) -> None:
        """A wrong password is refused as such, and nothing can be asked without login."""
        wire = self.connect()
        client = Client(wire.client)
        wire.pump()

        def run(work: Any) -> Any:
            begun = Deferred.fromCoroutine(work)
            wire.pump()
            return begun

        self.failureResultOf(run(client.get("a")), LoginRequired)
        wire = self.connect()
        client = Client(wire.client)
        wire.pump()
        self.failureResultOf(run(client.login("ann", PASSWORD + "x")), LoginFailed)

    def test_close(self) -> None:
        """After closing every request fails at once."""
        self.run_work(self.client.close())
        with self.assertRaises(ConnectionFailed):
            self.client.request("HELLO")
        self.assertIsInstance(self.successResultOf(self.client.when_ended()), ConnectionFailed)

    def test_close_in_the_middle(self) -> None:
        """With an open request the connection is aborted, because the rest is not read. Otherwise it ends in order."""
        self.make_remote_file("big", bytes(30 * STREAM_PIECE))
        self.begin(self.client.get("big"))
        self.wire.client.close()
        self.assertTrue(self.wire.near.aborted)
        wire = self.connect()
        wire.pump()
        wire.client.close()
        self.assertFalse(wire.near.aborted)
