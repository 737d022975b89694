"""The HTTPS front end of a server, with its handlers: each by the first name of the path that it answers."""

from __future__ import annotations

import time
from functools import partial
from typing import Callable, Mapping, Sequence

import attrs
from twisted.internet.interfaces import IReactorProcess

from homeftp.accounts.links.visits import LinkVisits
from homeftp.accounts.loginaudit import RefusalAudit
from homeftp.accounts.sessions.signin import SignInService
from homeftp.crypto.ca import Identity
from homeftp.interfaces import IServerContext
from homeftp.interfaces.links import LINK_PATH
from homeftp.model import Change
from homeftp.server.http.certificate.handler import PATH as CERTIFICATE
from homeftp.server.http.certificate.handler import CertificateHandler
from homeftp.server.http.dav.handler import DavHandler
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.table import LockTable
from homeftp.server.http.dav.properties.database import PropertyDatabase
from homeftp.server.http.dav.properties.interface import IProperties
from homeftp.server.http.frontend import HttpsFrontEnd
from homeftp.server.http.links.api import LinksApi
from homeftp.server.http.links.handler import LinkHandler
from homeftp.server.http.messages import IHandler
from homeftp.server.http.page.api import ApiHandler
from homeftp.server.http.page.filehandler import FileHandler
from homeftp.server.http.page.members import ArchiveMemory
from homeftp.server.http.page.staticfiles import StaticFiles
from homeftp.server.http.page.thumbnails.cache import ThumbnailCache
from homeftp.server.http.page.thumbnails.handler import SUFFIXES, ThumbnailHandler
from homeftp.server.http.page.thumbnails.renderer import ThumbnailRenderer, is_available
from homeftp.server.http.page.tus import TusHandler
from homeftp.server.http.signin.session import SessionHandler


@attrs.frozen(kw_only=True)
class WebParts:
    """The parts of the server that only its HTTPS front end uses, besides what every front end gets."""

    state: str
    """The state folder, for properties and thumbnails."""
    identity: Callable[[], Identity]
    """The server's identity, once it has started."""
    follow_changes: Callable[[Callable[[Sequence[Change]], None]], None]
    """Tells somebody all changes of the store from now on (`ChangeHub.follow`)."""
    signins: SignInService
    visits: LinkVisits
    refusals: RefusalAudit
    shared_locks: ILocks | None = None
    """The locks of WebDAV of a cluster; None: the server has its own."""
    shared_properties: IProperties | None = None
    """The properties of WebDAV of a cluster, which follow the changes of its servers; None: the server has its own."""


def https_front_end(listen: Sequence[str], parts: WebParts) -> HttpsFrontEnd:
    """The front end that listens on these endpoints."""
    return HttpsFrontEnd(listen=listen, make_handlers=partial(handlers, parts))


def handlers(parts: WebParts, context: IServerContext) -> Mapping[str, IHandler]:
    """The handlers of one server; the page has the name ""."""
    page = StaticFiles()
    properties = parts.shared_properties or _own_properties(parts, context)
    locks = parts.shared_locks or LockTable(context.reactor.seconds)
    thumbnails, archives = is_available(), ArchiveMemory()
    session = SessionHandler(
        signins=parts.signins,
        fingerprint=lambda: parts.identity().fingerprint,
        now=time.time,
        thumbnails=SUFFIXES if thumbnails else (),
    )
    found: dict[str, IHandler] = {
        "": page,
        CERTIFICATE: CertificateHandler(lambda: parts.identity().ca),
        "static": page,
        "api": ApiHandler({"session": session, "links": LinksApi()}, archives),
        "dav": DavHandler(context, properties, locks),
        "file": FileHandler(),
        "upload": TusHandler(),
        LINK_PATH: LinkHandler(parts.visits, parts.refusals, archives),
    }
    if thumbnails:
        renderer = ThumbnailRenderer(context.reactor, lambda: IReactorProcess(context.reactor))
        found["thumbnail"] = ThumbnailHandler(renderer, ThumbnailCache(parts.state), context.workers)
    return found


def _own_properties(parts: WebParts, context: IServerContext) -> PropertyDatabase:
    properties = PropertyDatabase(parts.state, context.limits)
    parts.follow_changes(properties.follow)
    return properties
