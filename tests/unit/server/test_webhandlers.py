"""The handlers of the HTTPS front end."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from homeftp.server.http.messages import IHandler
from homeftp.server.webhandlers import handlers
from tests.support.httpclient import HttpCase


class HandlersTests(HttpCase):
    """All of them."""

    def test_handlers(self) -> None:
        """Each name at the root has a handler."""
        for handler in handlers(self.server.services).values():
            verifyObject(IHandler, handler)
