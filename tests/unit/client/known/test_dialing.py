"""Which address of a known server is dialled; tests/system/cli/test_addresses.py has real servers at real addresses."""

from __future__ import annotations

import os
from typing import Any, Sequence, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Address, Client, ConnectionFailed, parse_address
from homeftp.client.known import dialing
from homeftp.client.known.dialing import IClientReactor, connect_remote, find_server
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.config import ClientTimeouts
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

    def test_silent(self) -> None:
        """A remembered address that takes the connection and says nothing is not waited for."""
        clock, silent, client = Clock(), Deferred[Client](), cast("Client", object())
        before, now = parse_address("192.0.2.1:8421"), parse_address("192.0.2.2:8421")
        dialled = []

        async def announced(*given: object) -> list[Address]:
            return [before, now]

        async def dial(addresses: Sequence[Address]) -> Client:
            dialled.append(list(addresses))
            return client if now in addresses else await silent

        self.patch(dialing, "announced_addresses", announced)
        remote = attrs.evolve(LOCAL, addresses=[before])
        found = Deferred.fromCoroutine(find_server(cast(IClientReactor, clock), remote, dial))
        self.assertNoResult(found)
        self.assertEqual(dialled, [[before]])
        clock.advance(ClientTimeouts().tls_seconds / 2)
        self.assertIs(self.successResultOf(found), client)


class ConnectTests(SynchronousTestCase):
    """connect_remote before it dials."""

    def test_unknown(self) -> None:
        """A name that is not known is refused."""
        remotes = Remotes(os.path.abspath(self.mktemp()))
        self.failureResultOf(
            Deferred.fromCoroutine(connect_remote(cast(IClientReactor, Clock()), remotes, "nas")), OperatorError
        )
