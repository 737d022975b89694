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

from homeftp.accounts.credentials.sshkeys import SSHKeyChecker
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.login import LoginService
from homeftp.accounts.passwords import PasswordChecker
from homeftp.accounts.throttle import GuessLimit, OwnGuesses, PasswordQueue, Throttle
from homeftp.audit.log import Audit
from homeftp.config import Limits, Settings
from homeftp.crypto.tls import server_options, web_options
from homeftp.discovery import address_finder
from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.dispatchers.enabled import enabled
from homeftp.errors import OperatorError
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import now, own_name
from homeftp.interfaces import IConnection, IFrontEnd, IWebFrontEnd, IWorkers
from homeftp.server import cluster
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
from homeftp.server.logins import compose_logins
from homeftp.server.store.handle import StoreHandle
from homeftp.server.store.idchange import StoreIdChange
from homeftp.server.store.otherprograms import OtherPrograms
from homeftp.server.store.scrub import Scrub
from homeftp.workers import ThreadWorkers

if TYPE_CHECKING:  # the packages that they need are there only in a cluster
    from homeftp.server.clustermember import ClusterMember
    from homeftp.server.otherservers import OtherServers

WEB_TLS_MINIMUM = "1.2"
"""The lowest version of the web: televisions and older phones speak no other."""

LOGIN_QUEUE = "(logins)"
"""The queue of what clients without a login cause; no account can have this name."""


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
    member: ClusterMember | None
    """The server as a member of its cluster; None: it has a folder of its own."""
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
    passwords = PasswordQueue(logins, settings.auth_pool_queue)
    revocations = ThreadWorkers(threads, size=1, queue=1, name="revocation")
    audit = Audit(settings.state, size=settings.audit_size, kept=settings.audit_files)
    state = AccountDatabase(settings.state)
    hub = ChangeHub(threads.callFromThread, settings.limits)
    member = cluster.member_of(settings)
    store = StoreHandle(
        settings, audit, hub, member, lambda: None if other_servers is None else other_servers.changed()
    )
    budget = MemoryBudget()
    served = [*plugged_front_ends(settings.front_ends, settings.plugin_dirs), *front_ends]
    web_origin = partial(_web_origin, served)
    login_workers = workers.of(LOGIN_QUEUE)
    services = compose_logins(
        settings,
        state,
        audit,
        reactor,
        store=store.get,
        files=FilesFactory(workers, budget, listings=settings.limits.account_listings, hub=hub),
        checkers=checkers or [PasswordChecker(state, logins, queue=passwords)],
        own_accounts=not checkers,
        guesses=partial(_guesses, settings.limits, reactor, login_workers, member),
        workers=workers,
        login_workers=login_workers,
        hashing=logins,
        passwords=passwords,
        origin=web_origin,
        host=own_name(),
    )
    if member is not None:
        member.follow_tables(
            StoreIdChange(threads.callFromThread, partial(_own_connections, services.logins), hub).noticed
        )
    tls = RenewableOptions(settings.tls_minimum, server_options)
    json = JsonFrontEnd(
        parts=JsonParts(
            identity=lambda: tls.identity,
            pairings=services.pairings,
            renewals=Renewals(reactor),
            device_activity=services.device_activity,
            audit=services.audit,
            refusals=services.refusals,
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
        None
        if member is None
        else member.other_servers(reactor, workers, hub, lambda: reachable(listening_addresses(json)))
    )
    if settings.sftp:
        served.insert(0, _sftp(settings, services.ssh_keys, budget))
    if settings.https:
        from homeftp.server.frontends import web  # only here: a server without it runs none of what only it needs

        parts = web.WebParts(
            state=settings.state,
            identity=lambda: tls.identity,
            follow_changes=hub.follow,
            signins=services.signins,
            visits=services.visits,
            refusals=services.refusals,
            shared_locks=None if member is None else member.locks(workers),
            shared_properties=None if member is None else member.properties(),
        )
        served.insert(0, web.https_front_end(settings.https, parts))
    web_tls = RenewableOptions(WEB_TLS_MINIMUM, web_options)
    context = ServerContext(
        reactor=reactor,
        limits=settings.limits,
        tls=tls,
        web_tls=web_tls,
        connections=Connections(settings.limits, reactor),
        logins=services.logins,
        workers=workers,
        budget=budget,
    )
    return Server(
        context=context,
        json=json,
        front_ends=(json, *served),
        web_origin=web_origin,
        own_accounts=not checkers,
        device_activity=services.device_activity,
        audit=audit,
        state=state,
        store=store,
        hub=hub,
        other_programs=(
            OtherPrograms(IReactorFDSet(reactor), reactor, workers, store.get, hub) if settings.watch_root else None
        ),
        member=member,
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
        revocation=RevocationMonitor(reactor, services.logins, revocations, audit),
        pools=(workers, logins, revocations),
    )


def _web_origin(front_ends: Sequence[IFrontEnd]) -> str | None:
    """The address of the front end that browsers use; None where there is none."""
    found = (each.origin() for each in front_ends if IWebFrontEnd.providedBy(each))
    return next(found, None)


def _own_connections(logins: LoginService) -> list[IConnection]:
    """The connections of all logins by the server's own protocol, the only one that tells the store's id."""
    return [connection for login in logins.logins() if login.front_end is None for connection in login.connections]


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


def _guesses(
    limits: Limits, clock: IReactorTime, workers: IWorkers, member: ClusterMember | None, kind: str, times: int
) -> GuessLimit:
    """The limit for guesses of a kind: so many times the number in `limits`, on all servers of a cluster together."""
    most = times * limits.guesses
    if member is not None:
        return member.guesses(workers, kind, most, limits.guess_seconds)
    return OwnGuesses(Throttle(clock, most=most, seconds=limits.guess_seconds))
