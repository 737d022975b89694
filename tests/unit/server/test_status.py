"""What a running server tells its owner."""

from __future__ import annotations

import os

from twisted.trial.unittest import TestCase

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devices import add_device
from homeftp.config import KIB
from homeftp.endpoint import parse
from homeftp.interfaces.usage import StoreUsage
from homeftp.server.http.frontend import HttpsFrontEnd
from homeftp.server.status import ServerStatus
from tests.support.embedded import EmbeddedServer


class StatusTests(TestCase):
    """A server in this process."""

    async def start(self, **settings: object) -> EmbeddedServer:
        server = EmbeddedServer(**settings)  # type: ignore[arg-type]
        server.start()
        self.addCleanup(server.stop)
        return server

    async def test_hello(self) -> None:
        """Who it is: its process, its folders, and the ports that it really has."""
        server = await self.start()
        hello = await server.service.commands()["hello"]({})
        self.assertEqual((hello["pid"], hello["state"], hello["root"]), (os.getpid(), server.state_dir, server.root))
        (port,) = hello["ports"]
        self.assertGreater(port, 0)

    async def test_reach(self) -> None:
        """How other programs reach it: the lines of its front ends, as at the start."""
        front_end = HttpsFrontEnd(listen=("tcp:0:interface=127.0.0.1",), make_handlers=lambda context: {})
        server = await self.start(front_ends=[front_end])
        told = await server.service.commands()["reach"]({})
        self.assertEqual(told, {"lines": list(front_end.lines())})
        self.assertEqual((await server.service.commands()["status"]({}))["reach"], told["lines"])
        self.assertRegex(told["lines"][0], r"https://127\.0\.0\.1:[0-9]+/dav/")

    async def test_status(self) -> None:
        """Addresses, limits, accounts with quotas and budgets, devices: each with what is used."""
        server = await self.start(quota=10 * 1024 * KIB, audit_reads=True)
        AccessTable(server.state).add("bob", None, AccessChange(parse("bob"), quota=1024 * KIB))
        with server.state.transaction() as connection:
            add_device(connection, "1" * 32, "bob", "laptop", 5.0)
        server.lay("bob/file", b"x" * 5 * KIB)
        status = await server.service.commands()["status"]({})
        self.assertEqual(status["front_ends"], ["json"])
        self.assertEqual(status["addresses"][0]["endpoint"], "tcp:0:interface=127.0.0.1")
        self.assertTrue(status["server"]["audit_reads"])
        self.assertLess(status["server"]["uptime_seconds"], 3600)
        self.assertEqual((status["connections"]["open"], status["connections"]["most"]), (0, 200))
        ann, bob = status["accounts"]
        self.assertEqual((ann["quota"], ann["used"]), (None, None))
        self.assertEqual((bob["home"], bob["quota"]), ("bob", 1024 * KIB))
        self.assertGreaterEqual(bob["used"], 5 * KIB)
        budgets = bob["budgets"]
        self.assertEqual(set(budgets), {"requests", "jobs", "reserved", "listings", "hashings"})
        self.assertEqual(budgets["requests"], {"used": 0, "most": 256, "waiting": 0})
        self.assertEqual(budgets["listings"], {"used": 0, "most": 4})
        self.assertEqual((status["space"]["quota"], status["space"]["versions"]), (10 * 1024 * KIB, 0))
        (device,) = status["devices"]
        self.assertEqual((device["name"], device["connected"], device["seen_us"]), ("bob-laptop", False, None))
        self.assertNotIn("id", device)

    async def test_no_measures(self) -> None:
        """A store that cannot be measured is no fault."""
        server = await self.start()
        self.patch(type(server.service.store), "usage", lambda store: StoreUsage())
        status = await server.service.commands()["status"]({})
        self.assertIsNone(status["space"]["size"])

    def test_made(self) -> None:
        """A server that does not run yet listens nowhere."""
        server = EmbeddedServer()
        self.assertIsInstance(server.service.commands()["hello"].__self__, ServerStatus)  # type: ignore[attr-defined]
