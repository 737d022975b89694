"""`/api/links`: what the page can do with links."""

from __future__ import annotations

import json
from typing import Any

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.passwords import hash_password
from homeftp.endpoint import parse
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.testing.pair import CHEAP, WEB_ORIGIN
from tests.support.folders import QuickCase
from tests.support.httpclient import HOST, Answer, HttpServer, basic
from tests.support.linkcases import DAY, HOME, allow_links, lay_files


class LinksApiTests(QuickCase):
    """A server, and ann with a password."""

    def setUp(self) -> None:
        self.web = HttpServer(own_accounts=True)
        self.addCleanup(self.web.close)
        lay_files(self.web.server)
        change = AccessChange(home=parse(HOME), links=True)
        AccessTable(self.web.server.state).add("ann", hash_password("correct horse", CHEAP), change)
        self.client = self.web.connect()

    def ask(self, method: str, path: str = "", body: object = None, login: bool = True) -> Answer:
        """The answer to a call."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.client.ask(method, f"/api/links{path}", (basic(),) if login else (), body=data)

    def make(self, **body: Any) -> dict[str, Any]:
        answer = self.ask("POST", "", body)
        self.assertEqual(answer.status, 200, answer.body)
        made: dict[str, Any] = json.loads(answer.body)
        return made

    def test_made(self) -> None:
        """A link is made with the address that the browser used; it works, and is listed without its URL."""
        made = self.make(path="photos", days=2, once=True, password="a long one")
        url = made.pop("url")
        self.assertTrue(url.startswith(f"https://{HOST}/s/"), url)
        self.assertEqual(self.client.ask("GET", url.removeprefix(f"https://{HOST}")).status, 403)
        told = {name: made[name] for name in ("path", "state", "upload", "uses_left", "password", "device")}
        expected = {
            "path": "photos",
            "state": "open",
            "upload": False,
            "uses_left": 1,
            "password": True,
            "device": None,
        }
        self.assertEqual(told, expected)
        self.assertEqual(made["expires_us"] - made["made_us"], 2 * DAY * 1_000_000)
        self.assertEqual(json.loads(self.ask("GET").body), {"links": [made]})

    def test_upload(self) -> None:
        """A drop box lasts a week if nothing else is said."""
        made = self.make(path="inbox", upload=True)
        self.assertTrue(made["upload"])
        self.assertEqual(made["expires_us"] - made["made_us"], 7 * DAY * 1_000_000)

    def test_ended(self) -> None:
        """A link is ended by its id, once."""
        id = self.make(path="/photos/")["id"]
        self.assertEqual([self.ask("DELETE", f"/{id}").status for _ in range(2)], [204, 404])
        self.assertEqual(json.loads(self.ask("GET").body), {"links": []})

    def test_refused(self) -> None:
        """Without a login, for what is not there, and for a body that is none, nothing is made."""
        self.assertEqual(self.ask("GET", login=False).status, 401)
        self.assertEqual(self.ask("POST", "", {"path": "photos"}, login=False).status, 401)
        for body, status in (
            ({"path": "none"}, 404),
            ({"path": "../bob"}, 400),
            ({"path": "notes.txt", "upload": True}, 409),
            ({"path": "photos", "days": 0}, 400),
            ({"path": "photos", "days": 367}, 400),
            ({"path": "photos", "password": "short"}, 400),
            ({}, 400),
            (b"{", 400),
            (b"[" * 9999, 400),
            (b"x" * 40_000, 413),
        ):
            self.assertEqual(self.ask("POST", "", body).status, status, str(body)[:40])
        allow_links(self.web.server, False)
        self.web.clock.advance(2 * GRANTED_SECONDS)
        self.assertEqual(self.ask("POST", "", {"path": "photos"}).status, 403)
        self.assertEqual(json.loads(self.ask("GET").body), {"links": []})

    def test_methods(self) -> None:
        """Other methods are named."""
        for method, path, allowed in (("PUT", "", "GET, POST"), ("GET", "/x", "DELETE"), ("DELETE", "", "GET, POST")):
            answer = self.ask(method, path)
            self.assertEqual((answer.status, answer.headers["allow"]), (405, allowed))

    def test_strange_host(self) -> None:
        """A host that is none does not get into a URL."""
        data = json.dumps({"path": "photos"}).encode()
        fields = {"Host": "nas/evil", "Authorization": basic()[1], "Content-Length": str(len(data))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.client.send_raw(f"POST /api/links HTTP/1.1\r\n{head}\r\n".encode() + data)
        (answer,) = self.client.answers("POST")
        self.assertTrue(json.loads(answer.body)["url"].startswith(f"{WEB_ORIGIN}/s/"), answer.body)
