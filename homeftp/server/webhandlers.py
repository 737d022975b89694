"""The handlers of the HTTPS front end, by the first name of the path that they answer."""

from __future__ import annotations

from typing import Mapping

from homeftp.interfaces import IServerContext
from homeftp.server.http.messages import IHandler
from homeftp.server.http.page.api import ApiHandler
from homeftp.server.http.page.staticfiles import StaticFiles
from homeftp.server.http.page.tus import TusHandler


def handlers(context: IServerContext) -> Mapping[str, IHandler]:
    """The handlers of one server; the page has the name ""."""
    page = StaticFiles()
    return {"": page, "static": page, "api": ApiHandler(), "upload": TusHandler()}
