"""Which address of a known server is dialled; tests/system/cli/test_addresses.py has real servers at real addresses."""

from __future__ import annotations

import os
from typing import Any, Sequence, cast
from unittest import mock

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Address, Client, ConnectionFailed, ServerIdentity, parse_address
from homeftp.client.connection.replies import Hello
from homeftp.client.known import dialing
from homeftp.client.known.dialing import IClientReactor, connect_remote, find_server, remember_address
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.config import ClientTimeouts
from homeftp.errors import OperatorError, UntrustedServer
from tests.support.fakeserver import identity
from tests.support.folders import QuickCase

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


class DistrustTests(SynchronousTestCase):
    """explain_distrust."""

    def explain(self, presented: str) -> str:
        """What is said where a server that is not trusted presents this CA; the known server has `first`."""
        remote = attrs.evolve(LOCAL, ca=identity("first").ca.public_bytes(Encoding.PEM))

        async def fetch(*given: object) -> ServerIdentity:
            return ServerIdentity(b"", identity(presented).fingerprint)

        with mock.patch.object(dialing, "fetch_server_identity", fetch):
            explaining = dialing.explain_distrust(Clock(), remote, UntrustedServer("not trusted"))
            return str(self.successResultOf(Deferred.fromCoroutine(explaining)))

    def test_wrong_clock(self) -> None:
        """The right identity with a certificate that is not valid now is a matter of clocks: the remote is kept."""
        said = self.explain("first")
        self.assertIn("Check the clocks of both machines", said)
        self.assertIn("Do not remove nas.", said)

    def test_other(self) -> None:
        """The control: with another identity the way to a new remote is told."""
        said = self.explain("second")
        self.assertIn("run `homeftp remote remove nas` and add it again", said)
        self.assertNotIn("clocks", said)


class ConnectTests(QuickCase):
    """connect_remote before it dials."""

    def test_unknown(self) -> None:
        """A name that is not known is refused."""
        remotes = Remotes(os.path.abspath(self.mktemp()))
        self.failureResultOf(
            Deferred.fromCoroutine(connect_remote(cast(IClientReactor, Clock()), remotes, "nas")), OperatorError
        )


class RememberTests(SynchronousTestCase):
    """remember_address."""

    def remembered(self, reached: str, *others: str) -> list[str]:
        """The addresses of a record after the server at one address has told others."""
        remote = Remote("nas", [parse_address("192.0.2.1")], "ann", "secret", b"ca")

        class FakeClient:
            """A client, as far as it is asked."""

            address = parse_address(reached)
            server_info = Hello(protocol=1, addresses=list(others))

        changed = [remote]

        async def update(change: Any) -> None:
            changed.append(change(remote))

        self.successResultOf(Deferred.fromCoroutine(remember_address(cast("Client", FakeClient()), remote, update)))
        return [str(each) for each in changed[-1].addresses]

    def test_others(self) -> None:
        """Addresses of servers that are as good come behind the one that worked."""
        self.assertEqual(
            self.remembered("192.0.2.1", "192.0.2.9:9000", "nas.example"),
            ["192.0.2.1:8421", "192.0.2.9:9000", "nas.example:8421"],
        )
        self.assertEqual(self.remembered("192.0.2.2", "192.0.2.1"), ["192.0.2.2:8421", "192.0.2.1:8421"])

    def test_refused(self) -> None:
        """A server elsewhere cannot have the client connect to this machine, nor is what is no address remembered."""
        told = ("127.0.0.1", "localhost:1", "unix:/run/x", "[::1]:7", "a b", "", "host:99999999")
        self.assertEqual(self.remembered("192.0.2.1", *told), ["192.0.2.1:8421"])
        self.assertIn("127.0.0.1:7702", self.remembered("127.0.0.1:7701", "127.0.0.1:7702"), "the control")
