"""The handlers of the HTTPS front end, by the first name of the path that they answer."""

from __future__ import annotations

import time
from typing import Mapping

from twisted.internet.interfaces import IReactorProcess

from homeftp.interfaces import IServerContext
from homeftp.interfaces.links import LINK_PATH
from homeftp.server.gate.context import ServerContext
from homeftp.server.http.certificate.handler import PATH as CERTIFICATE
from homeftp.server.http.certificate.handler import CertificateHandler
from homeftp.server.http.dav.handler import DavHandler
from homeftp.server.http.dav.properties.database import PropertyDatabase
from homeftp.server.http.links.api import LinksApi
from homeftp.server.http.links.handler import LinkHandler
from homeftp.server.http.messages import IHandler
from homeftp.server.http.page.api import ApiHandler
from homeftp.server.http.page.filehandler import FileHandler
from homeftp.server.http.page.staticfiles import StaticFiles
from homeftp.server.http.page.thumbnails.cache import ThumbnailCache
from homeftp.server.http.page.thumbnails.handler import SUFFIXES, ThumbnailHandler
from homeftp.server.http.page.thumbnails.renderer import ThumbnailRenderer, is_available
from homeftp.server.http.page.tus import TusHandler
from homeftp.server.http.signin.session import SessionHandler


def handlers(context: IServerContext) -> Mapping[str, IHandler]:
    """The handlers of one server; the page has the name ""."""
    assert isinstance(context, ServerContext), "it needs more than others: docs/architecture/interfaces says what"
    page = StaticFiles()
    properties = PropertyDatabase(context.settings.state, context.limits)
    context.follow_changes(properties.follow)
    thumbnails = is_available()
    session = SessionHandler(
        signins=context.signins,
        fingerprint=lambda: context.tls.identity.fingerprint,
        now=time.time,
        thumbnails=SUFFIXES if thumbnails else (),
    )
    found: dict[str, IHandler] = {
        "": page,
        CERTIFICATE: CertificateHandler(lambda: context.tls.identity.ca),
        "static": page,
        "api": ApiHandler({"session": session, "links": LinksApi()}),
        "dav": DavHandler(context, properties),
        "file": FileHandler(),
        "upload": TusHandler(),
        LINK_PATH: LinkHandler(context.visits, context.refusals),
    }
    if thumbnails:
        renderer = ThumbnailRenderer(context.reactor, lambda: IReactorProcess(context.reactor))
        found["thumbnail"] = ThumbnailHandler(renderer, ThumbnailCache(context.settings.state), context.workers)
    return found
