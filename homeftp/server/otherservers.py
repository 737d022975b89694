"""The other servers of a cluster: they hear that this one is there, and it tells those who watch what they change."""

from __future__ import annotations

import json
from typing import Any, Callable, Sequence

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorFromThreads, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

import homeftp
from homeftp.audit.table import AuditTableReader
from homeftp.cluster.database import Database
from homeftp.cluster.faults import reason_of
from homeftp.cluster.servers import SEEN_SECONDS, ClusterServer, list_servers, remove_server, report_server
from homeftp.cluster.shared import process_id
from homeftp.config import MAX_ADDRESSES
from homeftp.endpoint import parse
from homeftp.errors import Refusal
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import own_name
from homeftp.interfaces import IWorkers
from homeftp.model import Actor, Change
from homeftp.server.notifications import ChangeNotifier, NotificationListener, notify

LEAST_SECONDS = 0.05
"""Between two looks at what other servers have changed, at least, however many notifications come."""

PACE_SECONDS = 0.25
"""Between two of them while no notifications come, and between two looks whether somebody watches now."""

FALLBACK_SECONDS = 5.0
"""Between two of them while notifications come: one may be lost."""


class OtherServers:
    """Reports this server, which is reached at `address`, and looks at the audit log for what the others do."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        workers: IWorkers,
        hub: ChangeHub,
        database: Callable[[], Database],
        address: Callable[[], str],
    ) -> None:
        self._clock = reactor
        self._workers = workers
        self._hub = hub
        self._database = database
        self._address = address
        self._reader: AuditTableReader | None = None
        self._problem: str | None = None
        self._others: Sequence[str] = ()
        self._reporting = LoopingCall(self.report)
        self._reporting.clock = reactor
        self._listener = NotificationListener(IReactorFDSet(reactor), self._hear)
        self._notifier = ChangeNotifier(
            reactor, IReactorFromThreads(reactor).callFromThread, self._run, lambda: notify(self._database())
        )
        self._notified = False
        """Whether a notification came since the last look began."""
        self._relies = True
        """Whether notifications come for what others change, as far as is known."""
        self._connects_at = 0.0
        """When to connect the listener, where it is not."""
        self._looked = 0.0
        """When the last look began."""
        self._timer: IDelayedCall | None = None
        self._waiting: Deferred[None] | None = None
        self._running = False
        self._ended: Sequence[Deferred[Any]] = ()

    @property
    def addresses(self) -> Sequence[str]:
        """Where the other servers that run are reached, as far as an address is enough; `MAX_ADDRESSES` at most."""
        return self._others

    def start(self) -> None:
        """Begin to announce this server, and to listen to the others."""
        self._running = True
        self._ended = [self._reporting.start(SEEN_SECONDS), Deferred.fromCoroutine(self._follow())]
        for ended in self._ended:
            ended.addErrback(lambda failure: self._log.failure("notifications from other servers stopped", failure))

    async def stop(self) -> None:
        """Stop, and tell the others; ends when nothing is in progress."""
        self._running = False
        if self._reporting.running:
            self._reporting.stop()
        self._wake(0)
        await DeferredList([*self._ended, self._notifier.stop()])
        self._listener.close()
        await self._run(lambda: remove_server(self._database(), process_id()))

    def changed(self) -> None:
        """This server has changed something: the others are told. In any thread."""
        if self._running:
            self._notifier.changed()

    def report(self) -> Deferred[None]:
        """Say that this server is there, and hear of the others."""
        return Deferred.fromCoroutine(self._report())

    async def _report(self) -> None:
        found = await self._run(self._meet)
        if found is not None:
            self._others = found

    async def _follow(self) -> None:
        """Tell those who watch what other servers change, from the start to the stop."""
        while self._running:
            self._looked = self._clock.seconds()
            if len(self._hub):
                seconds = await self._look()
            else:
                self._reader = None
                self._listener.close()
                self._notified = False
                seconds = PACE_SECONDS
            await self._wait(seconds)

    async def _look(self) -> float:
        """Tell what other servers have changed since the last look; the seconds until the next one."""
        await self._listen()
        notified, self._notified = self._notified, False
        first = self._reader is None
        found = await self._run(self._tell)
        if found is None or self._reader is None:
            self._reader = None  # something may have been lost by the time that the database answers again
            return PACE_SECONDS
        if notified:
            self._relies = True
        elif found and not first:
            self._relies = False  # until one comes
        hears = self._relies and self._listener.is_open
        return FALLBACK_SECONDS if hears and not self._reader.is_behind else PACE_SECONDS

    async def _listen(self) -> None:
        """Hear notifications from now on, if that is possible."""
        if self._listener.is_open or self._clock.seconds() < self._connects_at:
            return
        self._connects_at = self._clock.seconds() + FALLBACK_SECONDS
        connection = await self._run(lambda: self._listener.connect(self._database()))
        if connection is not None:
            self._listener.open(connection)

    async def _wait(self, seconds: float) -> None:
        if not self._running:
            return
        waited = self._waiting = Deferred()
        self._timer = self._clock.callLater(seconds, self._wake, 0)
        if self._notified:
            self._hear()
        await waited

    def _hear(self) -> None:
        """A notification came, or none will come any more: look soon."""
        self._notified = True
        self._wake(max(0.0, self._looked + LEAST_SECONDS - self._clock.seconds()))

    def _wake(self, seconds: float) -> None:
        """Wait no longer than that."""
        if self._waiting is None or self._timer is None:
            return
        if seconds > 0:
            self._timer.reset(min(seconds, self._timer.getTime() - self._clock.seconds()))
            return
        if self._timer.active():
            self._timer.cancel()
        waiting, self._waiting = self._waiting, None
        waiting.callback(None)

    async def _run(self, job: Callable[[], Any]) -> Any:
        """Run a job; None where the database does not answer, which is logged when it begins and ends."""
        problem = result = None
        try:
            result = await self._workers.run_unbounded(job)
        except (Refusal, OSError) as error:
            reason = reason_of(error)
            problem = f"the cluster's database does not answer: {error}" + (f" ({reason})" if reason else "")
        if problem is not None and self._problem is None:
            self._log.warn("{problem}", problem=problem)
        elif problem is None and self._problem is not None:
            self._log.info("the cluster's database answers again")
        self._problem = problem
        return result

    # -- in a worker ---------------------------------------------------------------

    def _meet(self) -> Sequence[str]:
        own = process_id()
        report_server(
            self._database(),
            ClusterServer(id=own, host=own_name(), address=self._address(), version=homeftp.__version__),
        )
        others = (each.address for each in list_servers(self._database()) if each.runs and each.id != own)
        return list(dict.fromkeys(filter(None, others)))[: MAX_ADDRESSES - 1]

    def _tell(self) -> bool:
        """Tell what was changed; at the first look, that anything may have been. Whether there were changes."""
        reader = self._reader
        if reader is None:
            reader = AuditTableReader(self._database(), others=True)
            reader.skip()
            self._reader = reader
            self._hub.tell(None)
        changes = [change for change in map(read_change, reader.lines()) if change is not None]
        if changes:
            self._hub.publish(changes)
        if reader.is_replaced:
            self._reader = None  # the next look tells that anything may have been changed
        return bool(changes)


def read_change(line: bytes) -> Change | None:
    """The change of the store that a line of the audit log records; None where it records something else."""
    fields: dict[str, Any] = json.loads(line)
    if fields.get("event") != "change":
        return None
    to = fields.get("to")
    return Change(
        fields["change"],
        fields["kind"],
        parse(fields["endpoint"]),
        Actor(fields.get("account"), fields.get("device"), fields.get("address"), fields.get("request")),
        None if to is None else parse(to),
        fields.get("size"),
        fields.get("hash"),
        fields.get("old_size"),
        fields.get("old_hash"),
    )
