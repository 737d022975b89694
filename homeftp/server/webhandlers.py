"""The handlers of the HTTPS front end, by the first name of the path that they answer."""

from __future__ import annotations

from typing import Mapping

from homeftp.interfaces import IServerContext
from homeftp.server.gate.context import ServerContext
from homeftp.server.http.certificate.handler import PATH as CERTIFICATE
from homeftp.server.http.certificate.handler import CertificateHandler
from homeftp.server.http.dav.handler import DavHandler
from homeftp.server.http.dav.properties.database import PropertyDatabase
from homeftp.server.http.messages import IHandler
from homeftp.server.http.page.api import ApiHandler
from homeftp.server.http.page.filehandler import FileHandler
from homeftp.server.http.page.staticfiles import StaticFiles
from homeftp.server.http.page.tus import TusHandler


def handlers(context: IServerContext) -> Mapping[str, IHandler]:
    """The handlers of one server; the page has the name ""."""
    assert isinstance(context, ServerContext), "they keep things in the state folder"
    page = StaticFiles()
    return {
        "": page,
        CERTIFICATE: CertificateHandler(lambda: context.tls.identity.ca),
        "static": page,
        "api": ApiHandler(),
        "dav": DavHandler(context, PropertyDatabase(context.settings.state)),
        "file": FileHandler(),
        "upload": TusHandler(),
    }
