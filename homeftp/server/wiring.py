"""Composition: which objects make up a server, and how they are connected. Nothing is opened here.

Objects that hold files, databases or threads are created closed; service.py
opens them when the server starts, because neither survives the fork of a
daemon, and closes them when it stops.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Callable, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.interfaces import IReactorFDSet, IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from homeftp.accounts.access import WHOLE_STORE, AccessTable
from homeftp.accounts.credentials.apppasswords import with_app_passwords
from homeftp.accounts.credentials.sshkeys import SSHKeyChecker
from homeftp.accounts.credentials.websessions import WebSessionChecker
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devicelogin import DeviceChecker
from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import Invitations
from homeftp.accounts.links.accountlinks import SharingService
from homeftp.accounts.links.table import Links
from homeftp.accounts.links.visits import LinkVisits, OpenedLinkChecker
from homeftp.accounts.login import LoginService
from homeftp.accounts.loginaudit import AuditRateLimit, LoginAudit, RefusalAudit
from homeftp.accounts.pairing import PairingService
from homeftp.accounts.passwords import PasswordChecker
from homeftp.accounts.realm import portal
from homeftp.accounts.sessions.signin import SignInService
from homeftp.accounts.sessions.table import SessionTable
from homeftp.accounts.throttle import GuessLimit, OwnGuesses, Throttle
from homeftp.accounts.validator import AccessValidator
from homeftp.audit.log import Audit
from homeftp.config import Settings
from homeftp.crypto.devicecert import certify_device
from homeftp.crypto.tls import server_options, web_options
from homeftp.discovery import address_finder
from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.dispatchers.enabled import enabled
from homeftp.errors import OperatorError
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import now, own_name
from homeftp.interfaces import IFrontEnd, IStore, IWebFrontEnd, IWorkers, StoreOptions
from homeftp.interfaces.frontend import HTTPS
from homeftp.model import MENDER, Change
from homeftp.server import cluster
from homeftp.server.auditsearch import find_writer
from homeftp.server.banner import listening_addresses, reachable
from homeftp.server.frontends.plugged import plugged_front_ends
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.context import ServerContext
from homeftp.server.gate.deviceactivity import DeviceActivity
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.renewals import Renewals
from homeftp.server.gate.revocation import RevocationMonitor
from homeftp.server.gate.webcertificates import WebCertificates
from homeftp.server.json.context import JsonParts
from homeftp.server.json.frontend import JsonFrontEnd
from homeftp.server.otherprograms import OtherPrograms
from homeftp.server.roots import KnownRoots
from homeftp.server.scrub import Scrub
from homeftp.store.factory import check_store, open_store
from homeftp.workers import ThreadWorkers

if TYPE_CHECKING:
    from homeftp.server.otherservers import OtherServers

BEGUN_PER_TRIED = 5
"""Pairings that may be begun for each code that may be tried: beginning one costs computation but reveals nothing."""


WEB_TLS_MINIMUM = "1.2"
"""The lowest version of the web: televisions and older phones speak no other."""

LOGIN_QUEUE = "(logins)"
"""The queue of what clients without a login cause; no account can have this name."""


class StoreHandle:
    """The server's store: opened at the start, and closed at the stop."""

    _log = Logger()

    def __init__(self, settings: Settings, audit: Audit, hub: ChangeHub) -> None:
        self._settings = settings
        self._audit = audit
        self._hub = hub
        self._roots = KnownRoots(settings.state, settings.root)
        self._store: IStore | None = None
        self._id: str | None = None

    @property
    def id(self) -> str | None:
        """The id of the store (`KnownRoots.id`), while it is open."""
        return self._id

    def check(self) -> None:
        """Raise `OperatorError` for what `open` would refuse, as far as that shows without opening."""
        check_store(self._settings.root, self._options, self._settings.plugin_dirs)

    def open(self) -> IStore:
        """Open the store. Raises `OperatorError`."""
        self._store = store = open_store(self._settings.root, self._options, self._settings.plugin_dirs)
        if store.read_only is None:
            self._roots.add()
        self._id = cluster.store_id(self._settings) if cluster.is_cluster(self._settings) else self._roots.id()
        return store

    @property
    def _options(self) -> StoreOptions:
        settings = self._settings
        return StoreOptions(
            state_dir=settings.state,
            known=self._roots.is_known(),
            filetypes=settings.filetypes,
            file_size=settings.limits.file_size,
            retention=settings.retention,
            quota=settings.quota,
            objects=settings.objects,
            reserved=settings.limits.reserved,
            similar_names=settings.similar_names,
            record_changes=self._record,
            journal=cluster.journal(self._audit) if cluster.is_cluster(settings) else None,
        )

    def _record(self, changes: Sequence[Change]) -> None:
        """Write changes to the audit log, what is damaged, or mended, to the server's log, and tell who watches.

        A change that cannot be recorded yet has been made, and is told. Those of a cluster were recorded together with
        them.
        """
        for change in changes:
            if change.what == "damage":
                self._log.error(
                    "{kind} {where} is damaged: the disk has not kept its content ({hash})",
                    kind=change.kind,
                    where=change.endpoint.whole,
                    hash=change.hash,
                )
            elif change.what in ("replace", "mend") and change.actor == MENDER:
                self._log.info(
                    "{kind} {where} is mended: its content was copied from a version or from another file",
                    kind=change.kind,
                    where=change.endpoint.whole,
                )
        try:
            if not cluster.is_cluster(self._settings):
                self._audit.changed(changes)
        finally:
            self._hub.publish(changes)

    def get(self) -> IStore:
        """The store, while it is open."""
        assert self._store is not None, "the server has not started"
        return self._store

    def close(self) -> None:
        """Close the store, if it is open; raises `UnrecordedChanges`."""
        store, self._store = self._store, None
        if store is not None:
            store.close()


@attrs.frozen(kw_only=True, eq=False)
class Server:
    """The parts of one server."""

    context: ServerContext
    json: JsonFrontEnd
    front_ends: Sequence[IFrontEnd]
    """All of them, the JSON front end first."""
    web_origin: Callable[[], str | None]
    """The address of the front end that browsers use, once it listens; None where there is none."""
    own_accounts: bool
    """Whether accounts are those of `state`, and not those of another checker."""
    device_activity: DeviceActivity
    audit: Audit
    state: AccountDatabase
    store: StoreHandle
    hub: ChangeHub
    other_programs: OtherPrograms | None
    """Notices the changes by other programs; None: they are not noticed."""
    other_servers: OtherServers | None
    """Knows the other servers of a cluster; None: there are none."""
    scrub: Scrub
    web_certificates: WebCertificates
    revocation: RevocationMonitor
    pools: Sequence[ThreadWorkers]
    """Every pool of threads; the first does the work of the files."""


def compose(
    settings: Settings,
    reactor: IReactorTime,
    checkers: Sequence[ICredentialsChecker] = (),
    front_ends: Sequence[IFrontEnd] = (),
) -> Server:
    """The server of these settings, closed. `checkers` replace its own accounts; `front_ends` come besides JSON's.

    Raises `OperatorError` for settings that cannot work.
    """
    threads = IReactorFromThreads(reactor)
    workers = ThreadWorkers(threads, size=settings.pool_size, queue=settings.pool_queue, name="work")
    # Guessing passwords must not delay file transfers, nor either of them a revocation.
    logins = ThreadWorkers(
        threads, size=settings.auth_pool_size, queue=settings.auth_pool_queue, name="auth", beside=workers
    )
    revocations = ThreadWorkers(threads, size=1, queue=1, name="revocation")
    login_work = workers.of(LOGIN_QUEUE)
    audit = Audit(settings.state, size=settings.audit_size, kept=settings.audit_files)
    state = AccountDatabase(settings.state)
    hub = ChangeHub(threads.callFromThread, settings.limits)
    store = StoreHandle(settings, audit, hub)
    own_accounts = not checkers
    budget = MemoryBudget()
    refusals = RefusalAudit(audit, workers, AuditRateLimit(reactor))
    devices = Devices(state)
    ssh_keys = SSHKeyChecker(devices, login_work)
    device_activity = DeviceActivity(devices, workers, reactor)
    throttle = _throttle(settings, reactor, login_work, "login")
    login_audit = LoginAudit(audit, login_work, AuditRateLimit(reactor))
    served = [*plugged_front_ends(settings.front_ends, settings.plugin_dirs), *front_ends]
    web_origin = partial(_web_origin, served)
    links = Links(state)
    sharing = SharingService(links=links, audit=audit, workers=workers, hashing=logins, origin=web_origin)
    login_service = LoginService(
        portal(
            store.get,
            [
                *with_app_passwords(checkers or [PasswordChecker(state, logins)], devices, login_work),
                DeviceChecker(devices, login_work),
                ssh_keys,
                WebSessionChecker(devices, login_work),
                OpenedLinkChecker(devices, login_work),
            ],
            login_work,
            AccessTable(state),
            None if own_accounts else WHOLE_STORE,
        ),
        throttle=throttle,
        audit=login_audit,
        refusals=refusals,
        validator=AccessValidator(state),
        files=FilesFactory(workers, budget, listings=settings.limits.account_listings, hub=hub),
        workers=login_work,
        reads=audit if settings.audit_reads else None,
        writers=partial(find_writer, audit),
        seen=device_activity.saw,
        share_links=sharing.of,
    )
    pairings = PairingService(
        invitations=Invitations(state),
        begun=_throttle(settings, reactor, login_work, "pairing begun", times=BEGUN_PER_TRIED),
        tried=_throttle(settings, reactor, login_work, "pairing"),
        workers=logins,
        certify=lambda request, id: certify_device(settings.state, request, id, now=now),
        host=own_name(),
        audit=audit,
    )
    tls = RenewableOptions(settings.tls_minimum, server_options)
    json = JsonFrontEnd(
        parts=JsonParts(
            identity=lambda: tls.identity,
            pairings=pairings,
            renewals=Renewals(reactor),
            device_activity=device_activity,
            audit=login_audit,
            refusals=refusals,
            budget=budget,
            filetypes=settings.filetypes,
            store_id=lambda: store.id,
            other_addresses=lambda: () if other_servers is None else other_servers.addresses,
        ),
        listen=settings.listen,
        listen_tls=settings.listen_tls,
        dispatchers=[
            *(make() for make in BUILT_IN.values()),
            *enabled(settings.dispatchers, settings.plugin_dirs, BUILT_IN),
        ],
    )
    other_servers = (
        cluster.other_servers(settings, reactor, workers, hub, lambda: reachable(listening_addresses(json)))
        if cluster.is_cluster(settings)
        else None
    )
    if settings.sftp:
        served.insert(0, _sftp(settings, ssh_keys, budget))
    if settings.https:
        from homeftp.server.frontends import web  # only here: a server without it runs none of what only it needs

        parts = web.WebParts(
            state=settings.state,
            identity=lambda: tls.identity,
            follow_changes=hub.follow,
            signins=SignInService(
                sessions=SessionTable(state),
                pairings=pairings,
                logins=login_service,
                workers=login_work,
                audit=audit,
                front_end=HTTPS,
            ),
            visits=LinkVisits(
                links,
                throttle=throttle,
                audit=login_audit,
                workers=login_work,
                hashing=logins,
                clock=reactor,
                front_end=HTTPS,
            ),
            refusals=refusals,
        )
        served.insert(0, web.https_front_end(settings.https, parts))
    web_tls = RenewableOptions(WEB_TLS_MINIMUM, web_options)
    context = ServerContext(
        reactor=reactor,
        limits=settings.limits,
        tls=tls,
        web_tls=web_tls,
        connections=Connections(settings.limits, reactor),
        logins=login_service,
        workers=workers,
        budget=budget,
    )
    return Server(
        context=context,
        json=json,
        front_ends=(json, *served),
        web_origin=web_origin,
        own_accounts=own_accounts,
        device_activity=device_activity,
        audit=audit,
        state=state,
        store=store,
        hub=hub,
        other_programs=(
            OtherPrograms(IReactorFDSet(reactor), reactor, workers, store.get, hub) if settings.watch_root else None
        ),
        other_servers=other_servers,
        scrub=Scrub(
            reactor,
            workers,
            store.get,
            root=settings.root,
            folder=settings.state,
            seconds=settings.scrub_seconds,
            now_us=lambda: time.time_ns() // 1000,
        ),
        web_certificates=WebCertificates(
            settings, web_tls, workers, name=own_name(), addresses=address_finder(), now=now
        ),
        revocation=RevocationMonitor(reactor, login_service, revocations, audit),
        pools=(workers, logins, revocations),
    )


def _web_origin(front_ends: Sequence[IFrontEnd]) -> str | None:
    """The address of the front end that browsers use; None where there is none."""
    found = (each.origin() for each in front_ends if IWebFrontEnd.providedBy(each))
    return next(found, None)


def _sftp(settings: Settings, keys: SSHKeyChecker, budget: MemoryBudget) -> IFrontEnd:
    """The SFTP front end, which needs an extra; raises `OperatorError` without it."""
    try:
        from homeftp.server.sftp.frontend import SftpFrontEnd
        from homeftp.server.sftp.shared import SftpParts
    except ImportError as error:
        raise OperatorError(f"--sftp needs more packages ({error}): pip install 'homeftp[sftp]'") from None
    return SftpFrontEnd(
        listen=settings.sftp, parts=SftpParts(state=settings.state, knows_key=keys.knows, budget=budget)
    )


def _throttle(settings: Settings, clock: IReactorTime, workers: IWorkers, kind: str, times: int = 1) -> GuessLimit:
    limits = settings.limits
    if cluster.is_cluster(settings):
        return cluster.guesses(settings, workers, kind, times * limits.guesses, limits.guess_seconds)
    return OwnGuesses(Throttle(clock, most=times * limits.guesses, seconds=limits.guess_seconds))
