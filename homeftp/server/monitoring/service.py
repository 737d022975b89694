"""The service that answers /health and /metrics. It names no file, no path, no account and no device."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Awaitable, Callable, Sequence

import attrs
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from homeftp.interfaces import IWorkers
from homeftp.server.gate.listen import ListeningService, listening
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.reader import RequestHead
from homeftp.server.monitoring.exposition import Gathered, encode, read
from homeftp.server.monitoring.health import DEADLINE_SECONDS, LATE, VALID_SECONDS, Health, probe
from homeftp.server.monitoring.monitored import Monitored, StoreState, read_store
from homeftp.server.monitoring.protocol import MonitoringFactory
from homeftp.server.monitoring.recent import Recent

STATE_SECONDS = 10.0
"""How long the state of the store and of the cluster counts: systems that ask every second do not make it be read
every second."""

DUMP_SECONDS = 600.0
"""How long the time of the newest dump counts: a listing of the bucket costs money, and there is one dump a day."""

_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_ALLOWED = ("GET", "HEAD")


class MonitoringService(MultiService):
    """Listens on `listen`, and answers what programs ask that watch the server."""

    def __init__(self, server: Monitored, clock: IReactorTime, workers: IWorkers, listen: Sequence[str]) -> None:
        """Raises `OperatorError` for a wrong endpoint description."""
        super().__init__()
        self._server = server
        recent = partial(Recent, clock, workers, deadline=DEADLINE_SECONDS)
        self._health: Recent[Health] = recent(partial(probe, server.store, server.accounts), valid=VALID_SECONDS)
        self._store: Recent[StoreState] = recent(lambda: read_store(server.store()), valid=STATE_SECONDS)
        member = server.member
        self._cluster = None if member is None else recent(member.state, valid=STATE_SECONDS)
        self._dumped = None if member is None else recent(member.dumped_at, valid=DUMP_SECONDS)
        self._factory = MonitoringFactory(clock, self.answer)
        self.listeners: list[ListeningService] = []
        for description in listen:
            listener = listening(clock, description, self._factory, workers)
            listener.setServiceParent(self)
            self.listeners.append(listener)

    def stopService(self) -> Deferred[None]:
        """Stop listening, and close the connections."""
        self._factory.abort()
        stopping: Deferred[None] = super().stopService()
        return stopping

    async def answer(self, head: RequestHead) -> HttpResponse:
        """The response to one request."""
        answers: dict[str, Callable[[RequestHead], Awaitable[HttpResponse]]] = {
            "/health": self._answer_health,
            "/metrics": self._answer_metrics,
        }
        answer = answers.get(head.target.partition("?")[0])
        if answer is None:
            return _text(HTTPStatus.NOT_FOUND, "this server answers /health and /metrics")
        if head.method not in _ALLOWED:
            response = _text(HTTPStatus.METHOD_NOT_ALLOWED, "this can only be read")
            return attrs.evolve(response, headers=(*response.headers, ("Allow", ", ".join(_ALLOWED))))
        return await answer(head)

    async def _answer_health(self, head: RequestHead) -> HttpResponse:
        problem = (await self._health.get() or LATE).problem
        return _text(HTTPStatus.OK, "ok") if problem is None else _text(HTTPStatus.SERVICE_UNAVAILABLE, problem)

    async def _answer_metrics(self, head: RequestHead) -> HttpResponse:
        health, store = self._health.get(), self._store.get()  # all at the same time
        cluster = succeed(None) if self._cluster is None else self._cluster.get()
        dumped = succeed(None) if self._dumped is None else self._dumped.get()
        healthy = (await health or LATE).problem is None
        sheet = read(
            self._server, Gathered(healthy=healthy, store=await store, cluster=await cluster, dumped=await dumped)
        )
        content, media_type = encode(sheet, head.headers.get("accept") or "")
        return HttpResponse(HTTPStatus.OK, (("Content-Type", media_type),), content)


def _text(status: HTTPStatus, line: str) -> HttpResponse:
    return HttpResponse(status, (_TEXT,), f"{line}\n".encode())
