"""The server as a Twisted service: what it opens when it starts, renews while it runs, and ends when it stops.

Nothing is opened before `startService`: threads and databases do not survive
the fork of a daemon.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, Sequence

import attrs
from twisted.application.service import MultiService
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from homeftp.accounts.access import AccessTable
from homeftp.accounts.database import REACHABLE, AccountDatabase
from homeftp.accounts.devicelogin import DeviceChecker
from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import Invitations, default_account
from homeftp.accounts.passwords import PasswordChecker
from homeftp.accounts.realm import portal
from homeftp.accounts.throttle import Throttle
from homeftp.accounts.validator import AccessValidator
from homeftp.audit import Audit
from homeftp.config import HEAP_SLACK, Settings
from homeftp.crypto.ca import FOLDER, Identity, open_identity
from homeftp.crypto.devicecert import certify_device
from homeftp.crypto.secretfiles import private_folder, write_private
from homeftp.dispatchers.cmp import CmpDispatcher
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.enabled import enabled
from homeftp.dispatchers.get import GetDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.dispatchers.push import PushDispatcher
from homeftp.dispatchers.restore import RestoreDispatcher
from homeftp.dispatchers.table import Table
from homeftp.dispatchers.versions import VersionsDispatcher
from homeftp.errors import OperatorError
from homeftp.files.budget import MemoryBudget
from homeftp.hashing.hashcache import HashCache
from homeftp.host import now, own_name
from homeftp.interfaces import IDispatcher, IStore, IWorkers, UnrecordedChanges
from homeftp.model import Actor
from homeftp.server.banner import FIRST_SECONDS, ListeningAddress, LoginMethods, banner, reachable
from homeftp.server.gate.connections import Connections, ServerFactory
from homeftp.server.gate.context import ServerContext
from homeftp.server.gate.listen import ListeningService, RenewableOptions
from homeftp.server.gate.revocation import RevocationMonitor
from homeftp.server.gate.timeouts import Deadline
from homeftp.server.json.auditing import AuditRateLimit
from homeftp.server.json.pairing import PairingService
from homeftp.server.mdns import MdnsAnnouncer
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.changelog import described
from homeftp.syscalls import System
from homeftp.workers import ThreadWorkers

BUILT_IN: Mapping[str, Callable[[IWorkers], IDispatcher]] = {
    "GET": GetDispatcher,
    "CMP": CmpDispatcher,
    "PUSH": PushDispatcher,
    "DELETE": lambda workers: DeleteDispatcher(),
    "MOVE": lambda workers: MoveDispatcher(),
    "VERSIONS": lambda workers: VersionsDispatcher(),
    "RESTORE": lambda workers: RestoreDispatcher(),
}
"""The dispatchers that every server has."""

TIDY_SECONDS = 60 * 60
"""How often versions and unfinished uploads are thrown away that have been kept for long enough."""

RENEWAL_SECONDS = 24 * 60 * 60
"""How often the server's certificate is looked at; it is renewed long before it ends."""


@attrs.frozen(eq=False)
class _Open:
    """What is open while the server runs."""

    workers: ThreadWorkers
    auth_workers: ThreadWorkers
    index: HashCache
    share: LocalStore
    state: AccountDatabase
    known: LoginMethods
    """As it was at the start."""
    audit: Audit


class HomeFTPService(MultiService):
    """The whole server. `checkers` replace our own accounts where the owner named others.

    Raises `OperatorError`, one line, for settings that cannot work.
    """

    _log = Logger()

    def __init__(self, settings: Settings, reactor: Any, checkers: Sequence[ICredentialsChecker] = ()) -> None:
        super().__init__()
        self._settings = settings
        self._reactor = reactor
        self._checkers = tuple(checkers)
        self._options = RenewableOptions(settings.tls_minimum)
        self._connections = Connections(settings.limits)
        self._plugins = enabled(settings.dispatchers, settings.plugin_dirs, BUILT_IN)
        self._open: _Open | None = None
        self._services: ServerContext | None = None
        self._revocation: RevocationMonitor | None = None
        # A thread of its own: a device that keeps all others busy must not put off that it is cut off.
        self._revoking = ThreadWorkers(reactor, size=1, queue=1, name="revoking")
        self._advertising = MdnsAnnouncer(reactor)
        self._renewal = LoopingCall(self.renew)
        self._renewal.clock = reactor
        self._tidying = LoopingCall(self.tidy)
        self._tidying.clock = reactor
        self._plain = [self._listening(description, immediate_tls=False) for description in settings.listen]
        self._tls = [self._listening(description, immediate_tls=True) for description in settings.listen_tls]

    def _listening(self, description: str, *, immediate_tls: bool) -> ListeningService:
        listener = ServerFactory(self._reactor, self._current, self._options, self._connections, immediate_tls)
        factory: IProtocolFactory = listener
        if immediate_tls:
            factory = TLSMemoryBIOFactory(self._options, False, listener, self._reactor)
        try:
            endpoint = serverFromString(self._reactor, description)
        except Exception as error:  # noqa: BLE001 (endpoint parsers raise what they like)
            raise OperatorError(
                f"{description!r} is no endpoint to listen on ({error}): write, for example, tcp:8421, "
                "tcp6:8421, tcp:8421:interface=127.0.0.1 or unix:/run/homeftp.sock"
            ) from None
        listening = ListeningService(endpoint, factory, description)
        listening.setServiceParent(self)
        return listening

    def _current(self) -> ServerContext:
        assert self._services is not None
        return self._services

    # -- starting --------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Listen, while there are privileges to do so; ends the process with one line when it cannot be."""
        with one_line():
            super().privilegedStartService()

    def startService(self) -> None:
        """Open everything and serve; ends the process with one line when that cannot be."""
        with one_line():
            super().startService()  # first: what cannot listen has no threads that would keep the process alive
            identity = self._start()
        signal.signal(signal.SIGHUP, self._hangup)
        if os.geteuid() == 0:
            self._log.warn(
                "the server runs as root: whoever breaks into it has the whole machine. Start it as another user, or "
                "let twistd become one: twistd --uid NAME --gid NAME homeftp ..."
            )
        self._renewal.start(RENEWAL_SECONDS, now=False)
        self._tidying.start(TIDY_SECONDS)
        assert self._revocation is not None
        self._revocation.start()
        self._announce(identity)

    def _start(self) -> Identity:
        settings = self._settings
        os.umask(0o077)  # what is shared has the modes that it is to have, whatever this is
        System().give_back_memory(HEAP_SLACK)
        private_folder(settings.state)
        is_new = not os.path.exists(os.path.join(settings.state, FOLDER))
        identity = open_identity(settings.state, now=now)
        self._options.renew(identity)
        audit = Audit(settings.state, size=settings.audit_size, kept=settings.audit_files)
        index = HashCache(os.path.join(settings.state, "index.sqlite"))
        share = LocalStore(
            settings.root,
            index,
            filetypes=settings.filetypes,
            file_size=settings.limits.file_size,
            retention=settings.retention,
            quota=settings.quota,
            similar_names=settings.similar_names,
            record=audit.changed,
        )
        workers = ThreadWorkers(self._reactor, size=settings.pool_size, queue=settings.pool_queue, name="work")
        auth = ThreadWorkers(self._reactor, size=settings.auth_pool_size, queue=settings.auth_pool_queue, name="auth")
        state = AccountDatabase(settings.state)
        if is_new and Devices(state).all():
            self._log.warn(
                "the home's keys were not in {folder} and were made anew, so no device knows this server any more: if "
                "you have a copy of them, stop the server and put it back; otherwise pair all devices again",
                folder=os.path.join(settings.state, FOLDER),
            )
        known = self._known(state, audit)  # before there are threads: what fails here must end the process
        self._open = _Open(workers, auth, index, share, state, known, audit)
        self._services = ServerContext(
            table=Table([*(make(workers) for make in BUILT_IN.values()), *self._plugins]),
            portal=portal(
                share,
                [*(self._checkers or [PasswordChecker(state, auth)]), DeviceChecker(Devices(state), workers)],
                workers,
                AccessTable(state),
            ),
            workers=workers,
            budget=MemoryBudget(),
            limits=settings.limits,
            server_name=identity.server_name,
            filetypes=settings.filetypes,
            guesses=self._throttle(total=None),
            pairings=PairingService(
                invitations=Invitations(state),
                begun=self._throttle(total=None, times=5),
                throttle=self._throttle(total=settings.limits.pairings),
                workers=auth,
                certify=lambda request, id: certify_device(settings.state, request, id, now=now),
                host=own_name(),
                audit=audit,
            ),
            ca=identity.ca,
            audit=audit,
            sparing=AuditRateLimit(self._reactor),
            standing=AccessValidator(state, own_accounts=not self._checkers),
        )
        self._revocation = RevocationMonitor(
            self._reactor, self._connections, self._services.standing, self._revoking, audit
        )
        workers.start()
        auth.start()
        self._revoking.start()
        return identity

    def _throttle(self, total: int | None, times: int = 1) -> Throttle:
        limits = self._settings.limits
        return Throttle(self._reactor, most=times * limits.guesses, seconds=limits.guess_seconds, total=total)

    def _announce(self, identity: Identity) -> None:
        assert self._open is not None
        listened = [
            ListeningAddress(description=one.description, address=one.address, immediate_tls=one in self._tls)
            for one in (*self._plain, *self._tls)
        ]
        write_private(os.path.join(self._settings.state, REACHABLE), reachable(listened).encode())
        for line in banner(
            self._settings,
            listened,
            self._open.known,
            fingerprint=identity.fingerprint,
            read_only=self._open.share.read_only,
        ):
            self._log.info("{line}", line=line)
        if self._settings.announce:
            self._advertising.start(listened, identity.fingerprint)

    def _known(self, state: AccountDatabase, audit: Audit) -> LoginMethods:
        """Who may come in; while that is nobody, a code for the first device, if it is clear whose that is."""
        if self._checkers:
            return LoginMethods(accounts=None, password=None, code=None)
        password = next(iter(state.account_names(with_password=True)), None)
        accounts = state.account_names()
        code = None
        if (
            password is None
            and not Devices(state).all()
            and len(accounts) <= 1
            and self._plain
            and self._settings.attended
        ):
            made = Invitations(state).make(default_account(accounts), FIRST_SECONDS)
            audit.note("invitation", Actor(made.account), invitation=made.code.number)
            code = str(made.code)
        return LoginMethods(accounts=state.account_names(), password=password, code=code)

    # -- running ---------------------------------------------------------------

    def _hangup(self, number: int, frame: object) -> None:
        """SIGHUP, in whatever the reactor was doing: renew when it is done with that. Accounts need no rereading."""
        self._reactor.callFromThread(self.renew)

    def renew(self) -> Deferred[None]:
        """Read the certificates again, and renew the server's when it nears its end.

        Connections that are up go on as they are. Accounts are read at each
        login.
        """
        return Deferred.fromCoroutine(self._renew())

    async def _renew(self) -> None:
        if self._open is None:
            return
        try:
            identity = await self._open.workers.run(lambda: open_identity(self._settings.state, now=now))
            self._options.renew(identity)
        except Exception:  # noqa: BLE001 (the server goes on with what it has; the log tells)
            self._log.failure("the certificates could not be renewed: the old ones stay in use")
        else:
            self._log.info("certificates read again; accounts are read at each login")

    def tidy(self) -> Deferred[None]:
        """Let the share throw away what has been kept for long enough."""
        return Deferred.fromCoroutine(self._tidy())

    async def _tidy(self) -> None:
        if self._open is None:
            return
        try:
            await self._open.workers.run(self._open.share.maintain)
        except Exception:  # noqa: BLE001 (the disk may fail: the log tells, and it is tried again)
            self._log.failure("the share could not be tidied up")

    # -- stopping --------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Listen no more, finish what is in flight or abort it, and close everything."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for call in (self._renewal, self._tidying):
            if call.running:
                call.stop()
        if self._revocation is not None:
            self._revocation.stop()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        quiet = self._advertising.stop()
        await maybeDeferred(super().stopService)
        ended = self._connections.stop()
        cut = Deadline(self._reactor, self._settings.limits.shutdown_seconds, self._connections.abort)
        await ended
        cut.met()
        if self._open is not None:
            await self._open.workers.idle()
            self._open.workers.stop()
            self._open.auth_workers.stop()
            self._revoking.stop()
            self._close(self._open.share)
            self._open.index.close()
            self._open.audit.close()
        await quiet

    def _close(self, store: IStore) -> None:
        """Close the store; changes that the audit log still cannot have go into the server's log."""
        try:
            store.close()
        except UnrecordedChanges as lost:
            self._log.critical(
                "{count} changes are missing from the audit log and are listed here: {reason}",
                count=len(lost.changes),
                reason=lost.message,
            )
            for change in lost.changes:
                self._log.critical("not in the audit log: {change}", change=described(change))


class StartFailed(SystemExit, Exception):
    """Ends the process. An `Exception` as well: only of such a one does a daemon tell whoever launched it."""

    def __str__(self) -> str:
        return "the start failed"


@contextmanager
def one_line() -> Iterator[None]:
    """A `OperatorError` ends the process with its one line on standard error and status 2, without a traceback."""
    try:
        yield
    except OperatorError as error:
        # By now twistd has made sys.stderr a part of its log; a daemon has no other.
        print(f"homeftp: {error}", file=sys.__stderr__)
        raise StartFailed(2) from error


def monotonic(reactor: Any) -> None:
    """Let the reactor's timers follow the monotonic clock: by itself it follows the wall clock, which may be set."""
    reactor.seconds = time.monotonic
