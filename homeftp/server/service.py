"""The server as a Twisted service: what happens when it starts, while it runs, and when it stops.

wiring.py says what it consists of. The service changes nothing of its process
(umask, signals, memory): it may run inside another application. What a process
of its own needs is in `homeftp.standalone`.
"""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Sequence, TextIO

from twisted.application.service import MultiService
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from homeftp.accounts.database import REACHABLE, WEB_ORIGIN
from homeftp.accounts.devices import Devices
from homeftp.config import DAY, HOUR, Settings
from homeftp.control.statelock import StateLock
from homeftp.crypto.ca import FOLDER, is_possible, open_identity
from homeftp.crypto.secretfiles import private_folder, write_private
from homeftp.errors import OperatorError, Refusal, counted
from homeftp.host import now
from homeftp.interfaces import IFrontEnd, IShownFrontEnd, IStore, IStoreHealth, IWebFrontEnd, UnrecordedChanges
from homeftp.server import cluster
from homeftp.server.banner import LoginMethods, banner, first_code, reachable
from homeftp.server.control import Command
from homeftp.server.gate.timeouts import Deadline
from homeftp.server.gate.webcertificates import CHECK_SECONDS
from homeftp.server.loginmethods import own_login_methods
from homeftp.server.mdns import MdnsAnnouncer
from homeftp.server.status import ServerStatus
from homeftp.server.wiring import compose
from homeftp.store.policy.changelog import described

MAINTENANCE_SECONDS = 1 * HOUR
"""Time between two runs of the store's maintenance, which removes expired versions and partial uploads."""

RENEWAL_SECONDS = 1 * DAY
"""Time between two looks at the server's certificate, which is renewed long before it expires."""


STORE_SECONDS = 5.0
"""Time between two looks whether the store is there: a person who plugs a disk in waits no longer."""


class HomeFTPService(MultiService):
    """The whole server; it can be started once.

    `checkers` replace its own accounts; `front_ends` are protocols besides its
    own. `terminal` gives, once the server has started, the terminal of the person who
    starts it: only there the code for the first device is shown. Raises
    `OperatorError`, as `startService` does, for settings that cannot work.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: IReactorTime,
        checkers: Sequence[ICredentialsChecker] = (),
        front_ends: Sequence[IFrontEnd] = (),
        *,
        terminal: Callable[[], TextIO | None] = lambda: None,
    ) -> None:
        super().__init__()
        self._terminal = terminal
        self._settings = settings
        self._reactor = reactor
        self._server = compose(settings, reactor, checkers, front_ends)
        self._status = ServerStatus(settings, self._server)
        self._is_open = False
        self._lock = StateLock(settings.state)
        self._mdns = MdnsAnnouncer(reactor)
        self._loops = {
            LoopingCall(self.renew): RENEWAL_SECONDS,
            LoopingCall(self.maintain): MAINTENANCE_SECONDS,
            LoopingCall(self.watch_store): STORE_SECONDS,
        }
        self._has_web = any(IWebFrontEnd.providedBy(each) for each in self._server.front_ends)
        if self._has_web:
            self._loops[LoopingCall(self._server.web_certificates.reload)] = CHECK_SECONDS
        self._problems: tuple[str, ...] = ()
        for front_end in self._server.front_ends:
            front_end.service(self._server.context).setServiceParent(self)
        self.monitoring = self._status.monitoring() if settings.metrics else None
        """The service that answers monitoring systems, where there is one."""
        if self.monitoring is not None:
            self.monitoring.setServiceParent(self)

    @property
    def store(self) -> IStore:
        """The store, while the server runs."""
        return self._server.store.get()

    def commands(self) -> dict[str, Command]:
        """The answers to its owner over a control socket (control.py), while it runs."""
        return {"hello": self._status.hello, "status": self._status.status, "reach": self._status.reach}

    def check(self) -> None:
        """Raise `OperatorError` for a state folder or a store that cannot be opened, as far as can be told before."""
        self._lock.check()
        self._server.store.check()

    # -- starting --------------------------------------------------------------

    def startService(self) -> None:
        """Open everything and serve. Raises `OperatorError` where that is not possible; nothing stays open then."""
        try:
            folder = self._join()  # first: front ends read what the servers of a cluster share when they start
            super().startService()  # a server that cannot listen needs no threads
            self._announce(self._open(folder))
        except BaseException:
            super().stopService()
            self._close()
            raise
        for loop, seconds in self._loops.items():
            loop.clock = self._reactor
            loop.start(seconds, now=seconds == MAINTENANCE_SECONDS)
        self._server.revocation.start()
        self._server.scrub.start()

    def _join(self) -> str:
        folder = private_folder(self._settings.state)
        self._lock.open()
        cluster.join(self._settings)
        return folder

    def _open(self, folder: str) -> LoginMethods:
        server = self._server
        is_new = not os.path.exists(os.path.join(folder, FOLDER))
        self._server.context.tls.renew(open_identity(folder, now=now))
        if self._has_web:
            self._server.web_certificates.open()
        self._check_clock()
        server.audit.open()
        server.store.open()
        server.state.open()
        if is_new and Devices(server.state).all():
            self._log.warn(
                "the home's keys were missing in {folder} and were recreated, so paired devices no longer trust this "
                "server: if you have a backup of the keys, stop the server and restore it; otherwise pair all devices "
                "again",
                folder=os.path.join(folder, FOLDER),
            )
        methods = LoginMethods(accounts=None, password=None, code=None)
        if server.own_accounts:
            invite = bool(server.json.plain) and self._terminal() is not None
            methods = own_login_methods(server.state, server.audit, invite=invite)
        self._is_open = True  # last of all threads, which keep a process alive
        for pool in server.pools:
            pool.start()
        if server.other_programs is not None:
            server.other_programs.start()
        if server.other_servers is not None:
            server.other_servers.start()
        return methods

    def _announce(self, methods: LoginMethods) -> None:
        identity = self._server.context.tls.identity
        listened = self._status.listened()
        write_private(os.path.join(self._settings.state, REACHABLE), reachable(listened).encode())
        write_private(os.path.join(self._settings.state, WEB_ORIGIN), (self._server.web_origin() or "").encode())
        front_ends = [each for each in self._server.front_ends if IShownFrontEnd.providedBy(each)]
        for line in banner(
            self._settings,
            listened,
            methods,
            fingerprint=identity.fingerprint,
            read_only=self.store.read_only,
            others=[line for each in front_ends for line in each.lines()],
        ):
            self._log.info("{line}", line=line)
        shown = self._terminal()
        if methods.code is not None and shown is not None:
            # Never through a log: others may read that, now or later. A terminal that has just been closed is no error
            # (OperatorError of the command line's streams): SIGHUP is on its way.
            with contextlib.suppress(OSError, OperatorError):
                print(*first_code(reachable(listened), methods.code), sep="\n", file=shown, flush=True)
        if self._settings.announce:
            self._mdns.start(listened, identity.fingerprint)

    # -- running ---------------------------------------------------------------

    def renew(self) -> Deferred[None]:
        """Read the certificates again, and renew the server's when it is about to expire.

        Established connections keep theirs. Accounts are read at each login.
        """
        return Deferred.fromCoroutine(self._renew())

    async def _renew(self) -> None:
        if not self._is_open:
            return
        context = self._server.context
        try:
            context.tls.renew(await context.workers.run(lambda: open_identity(self._settings.state, now=now)))
        except Exception:  # noqa: BLE001 (the server continues with what it has; the log says why)
            self._log.failure("the certificates could not be renewed: the old ones stay in use")
        else:
            self._log.info("certificates read again; accounts are read at each login")
            self._check_clock()
        if self._has_web:
            await self._server.web_certificates.reload(again=True)

    def _check_clock(self) -> None:
        at, ca = now(), self._server.context.tls.identity.ca
        if not is_possible(ca, at):
            self._log.error(
                "the computer's clock shows {at}, and this server's keys are valid from {begin} to {end}: set the "
                "clock. Until then devices may not be able to connect",
                at=at.date(),
                begin=ca.not_valid_before_utc.date(),
                end=ca.not_valid_after_utc.date(),
            )

    def maintain(self) -> Deferred[None]:
        """Let the store remove what has been kept for long enough."""
        return Deferred.fromCoroutine(self._maintain())

    async def _maintain(self) -> None:
        if not self._is_open:
            return
        try:
            await self._server.context.workers.run(self.store.maintain)
            await self._server.context.workers.run(self._server.audit.maintain)
            if self._server.member is not None:
                await self._server.context.workers.run(self._server.member.dump_daily)
        except Refusal as refusal:
            self._log.warn("the store's maintenance is put off: {reason}", reason=refusal.message)
        except OperatorError as fault:
            self._log.warn("no dump of the database was written: {reason}", reason=str(fault))
        except Exception:  # noqa: BLE001 (the disk may fail: the log says so, and the next run tries again)
            self._log.failure("the store's maintenance failed")

    def watch_store(self) -> Deferred[None]:
        """Say in the log what is wrong with the store, where that has changed."""
        return Deferred.fromCoroutine(self._watch_store())

    async def _watch_store(self) -> None:
        if not self._is_open or not IStoreHealth.providedBy(self.store):
            return
        try:
            problems = await self._server.context.workers.run(IStoreHealth(self.store).problems)
        except Exception:  # noqa: BLE001 (the next look tries again)
            self._log.failure("the state of the store is not known")
            return
        before, self._problems = self._problems, tuple(problems)
        for problem in problems:
            if problem not in before:
                self._log.error("{problem}", problem=problem)
        for problem in before:
            if problem not in problems:
                self._log.info("resolved: {problem}", problem=problem)

    # -- stopping --------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Stop listening, finish or abort what is in progress, and close everything."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for loop in self._loops:
            if loop.running:
                loop.stop()
        self._server.revocation.stop()
        mdns_stopped = self._mdns.stop()
        await maybeDeferred(super().stopService)
        connections = self._server.context.connections
        self._server.hub.stop()
        ended = connections.stop()
        deadline = Deadline(self._reactor, self._settings.limits.shutdown_seconds, connections.abort)
        await ended
        deadline.cancel()
        if self._is_open:
            if self._server.other_programs is not None:
                await self._server.other_programs.stop()
            if self._server.other_servers is not None:
                await self._server.other_servers.stop()
            await self._server.scrub.stop()
            await self._server.device_activity.stop()
            await self._server.pools[0].idle()
        self._close()
        await mdns_stopped

    def _close(self) -> None:
        """Close what is open."""
        if self._is_open:
            self._is_open = False
            for pool in self._server.pools:
                pool.stop()
        try:
            self._server.store.close()
        except UnrecordedChanges as lost:
            self._log.critical(
                "the audit log lacks {changes}, listed here: {reason}",
                changes=counted(len(lost.changes), "change"),
                reason=lost.message,
            )
            for change in lost.changes:
                self._log.critical("not in the audit log: {change}", change=described(change))
        self._server.audit.close()
        self._server.state.close()
        self._lock.close()
