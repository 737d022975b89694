"""Which address of a known server is dialled; tests/system/cli/test_addresses.py has real servers at real addresses."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Client, ConnectionFailed, parse_address
from homeftp.client.known.dialing import IClientReactor, connect_remote, find_server
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.errors import OperatorError

LOCAL = Remote("nas", [parse_address("unix:/run/nas.sock")], "ann", "secret", b"ca")


class FindTests(SynchronousTestCase):
    """find_server."""

    def find(self, outcome: Client | Exception) -> tuple[Deferred[Client], list[Any]]:
        dialled: list[Any] = []

        async def dial(addresses: Any) -> Client:
            dialled.append(addresses)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return Deferred.fromCoroutine(find_server(cast(IClientReactor, Clock()), LOCAL, dial)), dialled

    def test_found(self) -> None:
        """The remembered addresses are dialled together, at once."""
        client = cast("Client", object())
        found, dialled = self.find(client)
        self.assertIs(self.successResultOf(found), client)
        self.assertEqual(dialled, [LOCAL.addresses])

    def test_local(self) -> None:
        """A server that is only on this machine is not looked for on the network: its failure is the reason."""
        reason = ConnectionFailed("nothing listens there")
        found, dialled = self.find(reason)
        self.assertIs(self.failureResultOf(found).value, reason)
        self.assertEqual(len(dialled), 1)


class ConnectTests(SynchronousTestCase):
    """connect_remote before it dials."""

    def test_unknown(self) -> None:
        """A name that is not known is refused."""
        remotes = Remotes(os.path.abspath(self.mktemp()))
        self.failureResultOf(
            Deferred.fromCoroutine(connect_remote(cast(IClientReactor, Clock()), remotes, "nas")), OperatorError
        )
