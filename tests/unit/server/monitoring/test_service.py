"""A server inside this process that is asked for its health and its metrics."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.trial.unittest import TestCase

from homeftp.errors import Busy, OperatorError
from homeftp.model import Entry
from homeftp.server.http.messages import HttpHeaders, HttpResponse
from homeftp.server.http.reader import RequestHead
from homeftp.server.monitoring.service import MonitoringService
from tests.support.embedded import EmbeddedServer


class ServiceTests(TestCase):
    """`MonitoringService`."""

    def start(self, **settings: Any) -> EmbeddedServer:
        server = EmbeddedServer(**{"metrics": ("tcp:0:interface=127.0.0.1",), **settings})
        server.start()
        self.addCleanup(server.stop)
        return server

    async def ask(self, server: EmbeddedServer, target: str, method: str = "GET", accept: str = "") -> HttpResponse:
        service = cast(MonitoringService, server.service.monitoring)
        return await service.answer(RequestHead(method, target, HttpHeaders([("Accept", accept)]), 0))

    async def test_healthy(self) -> None:
        """A server whose store answers is healthy."""
        answer = await self.ask(self.start(), "/health")
        self.assertEqual((answer.status, answer.body), (200, b"ok\n"))

    async def test_unhealthy(self) -> None:
        """A server whose store does not answer is not healthy; the answer has no name."""
        server = self.start()

        def away(store: object, endpoint: object) -> Entry | None:
            raise Busy("/srv/secret is away")

        self.patch(type(server.service.store), "stat", away)
        answer = await self.ask(server, "/health")
        self.assertEqual((answer.status, answer.body), (503, b"the store does not answer\n"))
        metrics = await self.ask(server, "/metrics")
        assert isinstance(metrics.body, bytes)
        self.assertIn(b"\nhomeftp_healthy 0.0\n", metrics.body)

    async def test_metrics(self) -> None:
        """The metrics are in the form that is asked for."""
        server = self.start()
        plain = await self.ask(server, "/metrics?anything")
        self.assertEqual(plain.status, 200)
        assert isinstance(plain.body, bytes)
        self.assertIn(b"\nhomeftp_healthy 1.0\n", plain.body)
        self.assertIn(b"\nprocess_open_fds ", plain.body)
        for name in (server.root, os.path.basename(server.state_dir), "ann"):
            self.assertNotIn(f'="{name}'.encode(), plain.body)
        other = await self.ask(server, "/metrics", accept="application/openmetrics-text")
        self.assertTrue(dict(other.headers)["Content-Type"].startswith("application/openmetrics-text"))

    async def test_refused(self) -> None:
        """Another path does not exist, and nothing can be changed."""
        server = self.start()
        self.assertEqual((await self.ask(server, "/")).status, 404)
        refused = await self.ask(server, "/metrics", "DELETE")
        self.assertEqual((refused.status, dict(refused.headers)["Allow"]), (405, "GET, HEAD"))

    async def test_off(self) -> None:
        """Without the option there is no such service; the control for the others."""
        server = self.start(metrics=())
        self.assertIsNone(server.service.monitoring)

    def test_endpoint(self) -> None:
        """An endpoint description that is wrong is refused before anything starts."""
        self.assertRaises(OperatorError, EmbeddedServer, metrics=("carrier-pigeon:5",))

    async def test_address(self) -> None:
        """It listens where it was told, while the server runs."""
        server = self.start()
        (listener,) = cast(MonitoringService, server.service.monitoring).listeners
        self.assertEqual(getattr(listener.address, "host", None), "127.0.0.1")
        await server.stop()
        self.assertIsNone(listener.address)
