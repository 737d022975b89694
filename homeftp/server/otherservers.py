"""The other servers of a cluster: they hear that this one is there, and it tells those who watch what they change."""

from __future__ import annotations

import json
from typing import Any, Callable, Sequence

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

import homeftp
from homeftp.audit.table import AuditTableReader
from homeftp.cluster.database import Database
from homeftp.cluster.servers import SEEN_SECONDS, ClusterServer, list_servers, remove_server, report_server
from homeftp.cluster.shared import process_id
from homeftp.config import MAX_ADDRESSES
from homeftp.endpoint import parse
from homeftp.errors import Refusal
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import own_name
from homeftp.interfaces import IWorkers
from homeftp.model import Actor, Change

PACE_SECONDS = 0.25
"""Between two looks at what other servers have changed, while somebody watches."""


class OtherServers:
    """Reports this server, which is reached at `address`, and looks at the audit log for what the others do."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        workers: IWorkers,
        hub: ChangeHub,
        database: Callable[[], Database],
        address: Callable[[], str],
    ) -> None:
        self._workers = workers
        self._hub = hub
        self._database = database
        self._address = address
        self._reader: AuditTableReader | None = None
        self._problem: str | None = None
        self._others: Sequence[str] = ()
        self._ended: Sequence[Deferred[LoopingCall]] = ()
        self._loops = {LoopingCall(self.report): SEEN_SECONDS, LoopingCall(self.look): PACE_SECONDS}
        for loop in self._loops:
            loop.clock = clock

    @property
    def addresses(self) -> Sequence[str]:
        """Where the other servers that run are reached, as far as an address is enough; `MAX_ADDRESSES` at most."""
        return self._others

    def start(self) -> None:
        """Begin."""
        self._ended = [loop.start(seconds) for loop, seconds in self._loops.items()]

    async def stop(self) -> None:
        """Stop, and let the others hear it; ends when nothing is under way any more."""
        for loop in self._loops:
            if loop.running:
                loop.stop()
        await DeferredList(self._ended)
        await self._run(lambda: remove_server(self._database(), process_id()))

    def report(self) -> Deferred[None]:
        """Say that this server is there, and hear of the others."""
        return Deferred.fromCoroutine(self._report())

    async def _report(self) -> None:
        found = await self._run(self._meet)
        if found is not None:
            self._others = found

    def look(self) -> Deferred[None]:
        """Tell those who watch what other servers have changed since the last look."""
        return Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        if not len(self._hub):
            self._reader = None
            return
        if await self._run(self._tell) is None:
            self._reader = None  # something may have been lost by the time that the database answers again

    async def _run(self, job: Callable[[], Any]) -> Any:
        """Run a job; None where the database does not answer, which is logged when it begins and ends."""
        problem = result = None
        try:
            result = await self._workers.run_unbounded(job)
        except (Refusal, OSError) as error:
            problem = f"the cluster's database does not answer: {error}"
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
        """Tell what was changed; at the first look, that anything may have been."""
        reader = self._reader
        if reader is None:
            reader = AuditTableReader(self._database(), others=True)
            reader.skip()
            self._reader = reader
            self._hub.tell(None)
        changes = [change for change in map(read_change, reader.lines()) if change is not None]
        if changes:
            self._hub.publish(changes)
        return True


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
