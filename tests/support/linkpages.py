"""A server whose account makes links, and a browser for them."""

from __future__ import annotations

import os
from typing import Any

from homeftp.config import Limits
from homeftp.interfaces.links import MadeLink
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.httpclient import Answer, HttpServer
from tests.support.linkcases import (
    HOME,
    add_ann,
    enter,
    lay_files,
    links_of,
    terms,
    token,
)
from tests.support.logins import started

FORM = ("Content-Type", "application/x-www-form-urlencoded")
MOST_CONNECTIONS = 3
GERMAN = ("Accept-Language", "de,en;q=0.5")


def form(*files: tuple[str, bytes], boundary: str = "XX") -> tuple[tuple[str, str], bytes]:
    """The content type and the body of a form with files."""
    body = b""
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return ("Content-Type", f"multipart/form-data; boundary={boundary}"), body + f"--{boundary}--\r\n".encode()


class LinkHandlerCase(QuickCase):
    """A server whose account ann may make links."""

    def setUp(self) -> None:
        self.web = HttpServer(limits=Limits(guesses=3, account_connections=MOST_CONNECTIONS), own_accounts=True)
        self.addCleanup(self.web.close)
        self.server = self.web.server
        lay_files(self.server)
        add_ann(self.server)
        self.client = self.web.connect()

    def make(self, path: str, **more: Any) -> MadeLink:
        made: MadeLink = self.successResultOf(started(links_of(enter(self.server)).make(terms(path, **more))))
        return made

    def ask(self, made: MadeLink, rest: str = "", *fields: tuple[str, str], method: str = "GET", **more: Any) -> Answer:
        """The answer to a request below a link."""
        if self.client.closed:
            self.client = self.web.connect()
        return self.client.ask(method, f"/s/{token(made)}/{rest}", fields, **more)

    def send(self, made: MadeLink, *files: tuple[str, bytes]) -> Answer:
        """The answer to a form with files."""
        kind, body = form(*files)
        return self.ask(made, "", kind, method="POST", body=body)

    def files(self, folder: str = "inbox") -> dict[str, bytes]:
        """What is in a folder of ann's."""
        path = os.path.join(self.server.root, HOME, folder)
        found = {}
        for name in os.listdir(path):
            if os.path.isfile(os.path.join(path, name)):
                found[name] = self.server.read(f"{HOME}/{folder}/{name}")
        return found

    def records(self, event: str) -> list[dict[str, Any]]:
        return [each for each in replay.lines(self.server.folder) if each["event"] == event]
