"""The handlers of the HTTPS front end."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from homeftp.server.http.messages import IHandler
from tests.support.httpclient import HttpCase, web_handlers


class HandlersTests(HttpCase):
    """All of them."""

    def test_handlers(self) -> None:
        """Each name at the root has a handler."""
        for handler in web_handlers(self.server).values():
            verifyObject(IHandler, handler)
