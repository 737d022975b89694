"""A WebDAV server and its client in memory, for tests of the methods."""

from __future__ import annotations

from typing import Any, Mapping
from xml.etree import ElementTree

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.endpoint import parse
from homeftp.interfaces import IServerContext
from homeftp.server.http.dav.handler import DavHandler
from homeftp.server.http.dav.locks.table import LockTable
from homeftp.server.http.dav.properties.database import PropertyDatabase
from homeftp.server.http.messages import IHandler
from tests.support import replay
from tests.support.httpclient import HOST, Answer, HttpCase, HttpClient, basic

LOCKINFO = (
    b'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:%b/></D:lockscope><D:locktype><D:write/></D:locktype>'
    b"<D:owner>me</D:owner></D:lockinfo>"
)
EXCLUSIVE, SHARED = LOCKINFO % b"exclusive", LOCKINFO % b"shared"
Headers = tuple[tuple[str, str], ...]


def destination(path: str) -> tuple[str, str]:
    """The header for a path below `/dav/`."""
    return "Destination", f"https://{HOST}/dav/{path}"


class DavCase(HttpCase):
    """A server with files; requests are made as ann."""

    own_accounts = False
    lock_table = LockTable

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        self.database = PropertyDatabase(self.server.folder, context.limits)
        self.addCleanup(self.database.close)
        self.server.hub.follow(self.database.follow)
        self.locks = self.lock_table(context.reactor.seconds)
        return {"dav": DavHandler(context, self.database, self.locks)}

    def ask(
        self, method: str, path: str = "", *headers: tuple[str, str], body: bytes | None = None, client: Any = None
    ) -> Answer:
        """One request below `/dav/`, with ann's password."""
        via: HttpClient = self.client if client is None else client
        return via.ask(method, f"/dav/{path}", (basic(), *headers), body)

    def status(self, method: str, path: str = "", *headers: tuple[str, str], body: bytes | None = None) -> int:
        """The status of a request."""
        return self.ask(method, path, *headers, body=body).status

    def put(self, path: str, content: bytes, *headers: tuple[str, str]) -> str:
        """Store a file; gives its entity tag."""
        answer = self.ask("PUT", path, *headers, body=content)
        self.assertIn(answer.status, (201, 204), answer.body)
        return answer.headers["etag"]

    def narrow(self, folders: Mapping[str, frozenset[str]]) -> None:
        """Give ann these folders with these rights, and nothing else; her logins end."""
        self.server.state.add_account("ann", None)
        change = AccessChange(folders=tuple((parse(path).parts, rights) for path, rights in folders.items()))
        AccessTable(self.server.state).change("ann", change)
        self.log_in_again()

    def log_in_again(self) -> None:
        """End ann's logins; the next request is one of her account as it is now."""
        for login in self.server.services.logins.logins():
            login.disconnect()
        self.client = self.web.connect()

    def content(self, path: str) -> bytes | None:
        """What the store has; None where nothing is there."""
        found = self.server.store.stat(parse(path))
        return None if found is None or found.kind != "file" else self.server.read(path)

    def versions(self, path: str) -> int:
        """How many versions there are of a file."""
        return sum(len(page) for page in self.server.store.versions(parse(path)))

    def lock(self, path: str, *headers: tuple[str, str], body: bytes = EXCLUSIVE, client: Any = None) -> str:
        """Lock what is there, or make it; gives the token."""
        answer = self.ask("LOCK", path, *headers, body=body, client=client)
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer.headers["lock-token"][1:-1]

    def properties(self, path: str, body: bytes | None = None, depth: str = "0") -> dict[str, dict[str, Any]]:
        """What PROPFIND tells: for each URL the elements of properties that were found, by name."""
        answer = self.ask("PROPFIND", path, ("Depth", depth), body=body)
        self.assertEqual(answer.status, 207, answer.body)
        found: dict[str, dict[str, Any]] = {}
        for response in ElementTree.fromstring(answer.body):
            properties: dict[str, Any] = {}
            for propstat in response.findall("{DAV:}propstat"):
                status, prop = propstat.findtext("{DAV:}status"), propstat.find("{DAV:}prop")
                assert prop is not None
                if status == "HTTP/1.1 200 OK":
                    properties.update({each.tag: each for each in prop})
            href = response.findtext("{DAV:}href")
            assert href is not None
            found[href] = properties
        return found

    def audited(self) -> list[tuple[str, str, int]]:
        """The request, the kind of change and the status of each change in the audit log, or of what was refused."""
        lines = replay.lines(self.server.folder)
        return [
            (line["request"], line.get("change", "refused"), line["status"])
            for line in lines
            if line["event"] in ("change", "refused")
        ]
