"""Composition of the services that log clients in: with passwords, devices, pairing codes, sessions and share links."""

from __future__ import annotations

import time
from functools import partial
from typing import Callable, Sequence

import msgspec
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime

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
from homeftp.accounts.passwords import COST, Cost
from homeftp.accounts.realm import portal
from homeftp.accounts.sessions.signin import SignInService
from homeftp.accounts.sessions.table import SessionTable
from homeftp.accounts.throttle import GuessLimit, PasswordQueue
from homeftp.accounts.validator import AccessValidator
from homeftp.audit.log import Audit
from homeftp.config import Settings
from homeftp.crypto.devicecert import certify_device
from homeftp.files.factory import FilesFactory
from homeftp.files.writersearch import WriterSearch
from homeftp.host import now
from homeftp.interfaces import IStore, IWorkers
from homeftp.interfaces.frontend import HTTPS
from homeftp.server.auditsearch import find_writer
from homeftp.server.gate.deviceactivity import DeviceActivity

BEGUN_PER_TRIED = 5
"""Pairings that may be begun for each code that may be tried: beginning one costs computation but reveals nothing."""


class LoginServices(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The services of one server that log clients in."""

    portal: Portal
    """Asks the checkers; the login service is its only user."""
    logins: LoginService
    pairings: PairingService
    signins: SignInService
    visits: LinkVisits
    ssh_keys: SSHKeyChecker
    audit: LoginAudit
    refusals: RefusalAudit
    device_activity: DeviceActivity


def compose_logins(
    settings: Settings,
    state: AccountDatabase,
    audit: Audit,
    clock: IReactorTime,
    *,
    store: Callable[[], IStore],
    files: FilesFactory,
    checkers: Sequence[ICredentialsChecker],
    own_accounts: bool,
    guesses: Callable[[str, int], GuessLimit],
    workers: IWorkers,
    login_workers: IWorkers,
    hashing: IWorkers,
    passwords: PasswordQueue | None = None,
    origin: Callable[[], str | None],
    host: str,
    cost: Cost = COST,
    monotonic: Callable[[], float] = time.monotonic,
) -> LoginServices:
    """The services of a server. Nothing is opened.

    `checkers` know the passwords. An account that `state` does not have gets nothing, unless the accounts are not its
    own. `guesses` limits guesses of a kind, to so many times what the settings say. Look-ups run in `login_workers`,
    what hashes passwords in `hashing`, and what is no login in `workers`; `passwords` is the order in which they are
    checked. `origin` is the address of the page, and `host` the name of this machine.
    """
    devices, links = Devices(state), Links(state)
    ssh_keys = SSHKeyChecker(devices, login_workers)
    device_activity = DeviceActivity(devices, workers, clock)
    throttle = guesses("login", 1)
    login_audit = LoginAudit(audit, login_workers, AuditRateLimit(clock))
    refusals = RefusalAudit(audit, workers, AuditRateLimit(clock))
    sharing = SharingService(links=links, audit=audit, workers=workers, hashing=hashing, origin=origin, cost=cost)
    login_portal = portal(
        store,
        [
            *with_app_passwords(checkers, devices, login_workers),
            DeviceChecker(devices, login_workers),
            ssh_keys,
            WebSessionChecker(devices, login_workers),
            OpenedLinkChecker(devices, login_workers),
        ],
        login_workers,
        AccessTable(state),
        None if own_accounts else WHOLE_STORE,
    )
    logins = LoginService(
        login_portal,
        throttle=throttle,
        audit=login_audit,
        refusals=refusals,
        validator=AccessValidator(state),
        files=files,
        workers=login_workers,
        reads=audit if settings.audit_reads else None,
        writers=WriterSearch(partial(find_writer, audit), files.share),
        seen=device_activity.saw,
        share_links=sharing.of,
        monotonic=monotonic,
    )
    pairings = PairingService(
        invitations=Invitations(state),
        begun=guesses("pairing begun", BEGUN_PER_TRIED),
        tried=guesses("pairing", 1),
        workers=hashing,
        certify=lambda request, id: certify_device(settings.state, request, id, now=now),
        host=host,
        audit=audit,
    )
    signins = SignInService(
        sessions=SessionTable(state),
        pairings=pairings,
        logins=logins,
        workers=login_workers,
        audit=audit,
        front_end=HTTPS,
    )
    visits = LinkVisits(
        links,
        throttle=throttle,
        audit=login_audit,
        workers=login_workers,
        passwords=passwords or PasswordQueue(hashing),
        clock=clock,
        front_end=HTTPS,
    )
    return LoginServices(
        portal=login_portal,
        logins=logins,
        pairings=pairings,
        signins=signins,
        visits=visits,
        ssh_keys=ssh_keys,
        audit=login_audit,
        refusals=refusals,
        device_activity=device_activity,
    )
