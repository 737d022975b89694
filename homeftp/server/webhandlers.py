"""The handlers of the HTTPS front end, by the first name of the path that they answer."""

from __future__ import annotations

from typing import Mapping

from homeftp.interfaces import IServerContext
from homeftp.server.http.messages import IHandler


def handlers(context: IServerContext) -> Mapping[str, IHandler]:
    """The handlers of one server; the page has the name ""."""
    return {}
