"""Names that are asked for, and commands that do not wait for what they do not need."""

from __future__ import annotations

import socket
import threading
from typing import Any, cast
from unittest import mock

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorFromThreads,
    IResolutionReceiver,
)
from twisted.trial.unittest import TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.client.connection.resolver import NameResolver
from tests.support.waiting import WITHIN


@implementer(IResolutionReceiver)
class Receiver:
    def __init__(self) -> None:
        self.found: list[IAddress] = []
        self.complete: Deferred[None] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.name = resolutionInProgress.name

    def addressResolved(self, address: IAddress) -> None:
        self.found.append(address)

    def resolutionComplete(self) -> None:
        self.complete.callback(None)


FOUND: Any = [
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 5, 0, 0)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 5)),
    (-1, socket.SOCK_STREAM, 6, "", ("?",)),
]


class LookupTests(TestCase):
    """One name."""

    def setUp(self) -> None:
        self.lookups = NameResolver(cast(IReactorFromThreads, reactor))
        self.receiver = Receiver()

    async def look(self, *kinds: Any, **how: Any) -> list[IAddress]:
        with mock.patch.object(socket, "getaddrinfo", **how):
            self.lookups.resolveHostName(self.receiver, "nas", 5, kinds or None)
            await self.receiver.complete
        return self.receiver.found

    async def test_found(self) -> None:
        """All addresses of both kinds are told of, in their order."""
        verifyObject(IHostnameResolver, self.lookups)
        expected = [IPv6Address("TCP", "2001:db8::1", 5), IPv4Address("TCP", "192.0.2.1", 5)]
        self.assertEqual(await self.look(return_value=FOUND), expected)
        self.assertEqual(self.receiver.name, "nas")

    async def test_one_kind(self) -> None:
        """Of one kind, where only that is asked for."""
        self.assertEqual(await self.look(IPv4Address, return_value=FOUND), [IPv4Address("TCP", "192.0.2.1", 5)])

    async def test_none(self) -> None:
        """A name that there is not, or that cannot be one, has no address."""
        self.assertEqual(await self.look(side_effect=socket.gaierror), [])
        self.receiver = Receiver()
        self.assertEqual(await self.look(side_effect=UnicodeError), [])

    async def test_not_waited_for(self) -> None:
        """A lookup that hangs does not hold up the end of the process; after `cancel` its answer is ignored."""
        hanging, begun = threading.Event(), threading.Event()
        before = set(threading.enumerate())  # the thread of another test may not have ended

        def hang(*arguments: Any, **more: Any) -> Any:
            begun.set()
            hanging.wait()
            return FOUND

        with mock.patch.object(socket, "getaddrinfo", hang):
            lookup = self.lookups.resolveHostName(self.receiver, "nas")
            begun.wait(WITHIN)
            (thread,) = (each for each in set(threading.enumerate()) - before if each.name == "lookup")
            self.assertTrue(thread.daemon)
            lookup.cancel()
            hanging.set()
            thread.join()
        done: Deferred[None] = Deferred()
        reactor.callLater(0, done.callback, None)
        await done
        self.assertEqual((self.receiver.found, self.receiver.complete.called), ([], False))
