"""`/api/session` as browsers use it, through the engine."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import Invitations
from homeftp.accounts.sessions.table import IDLE_SECONDS
from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.server.http.page.thumbnails.handler import SUFFIXES
from homeftp.server.http.signin.cookie import SESSION_COOKIE
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.httpclient import HOST, Answer, HttpServer, basic
from tests.support.inmemory import PASSWORD
from tests.support.linkcases import HOME, lay_files, notice_revoked

AGENT = ("User-Agent", "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0")
OWN = ("Sec-Fetch-Site", "same-origin")
TOKEN = re.compile(
    rf"{SESSION_COOKIE}=([A-Za-z0-9_-]{{43}}); Path=/; Max-Age=([0-9]+); Secure; HttpOnly; SameSite=Strict\Z"
)


class SessionCase(QuickCase):
    """A server with ann."""

    def setUp(self) -> None:
        self.web = HttpServer(limits=Limits(guesses=3), own_accounts=True)
        self.addCleanup(self.web.close)
        self.state = self.web.server.state
        lay_files(self.web.server)
        AccessTable(self.state).add("ann", None, AccessChange(home=parse(HOME)))
        self.client = self.web.connect()

    def ask(self, method: str, path: str, *fields: tuple[str, str], body: Any = None) -> Answer:
        if self.client.closed:
            self.client = self.web.connect()
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.client.ask(method, path, fields, body=data)

    def sign_in(self, *fields: tuple[str, str], **body: Any) -> Answer:
        return self.ask("POST", "/api/session", AGENT, *fields, body=body)

    def signed_in(self, **body: Any) -> tuple[str, str]:
        """The cookie of a browser that has signed in."""
        answer = self.sign_in(**(body or {"user": "ann", "password": PASSWORD}))
        self.assertEqual(answer.status, 200, answer.body)
        found = TOKEN.match(answer.headers["set-cookie"])
        assert found is not None, answer.headers["set-cookie"]
        return "Cookie", f"{SESSION_COOKIE}={found[1]}"

    def names(self) -> list[str]:
        return [each.name for each in Devices(self.state).all()]


class SignInTests(SessionCase):
    """POST."""

    def test_ways(self) -> None:
        """A code, the secret of an invitation and a password each make a session, which is named after the browser."""
        invitations = Invitations(self.state)
        code = invitations.make("ann", 600).code
        invitations.make("ann", 600, secret=token_hash("s" * 22))
        for body in (
            {"code": f" {code} ".upper().replace("-", " ")},
            {"secret": "s" * 22},
            {"user": "ann", "password": PASSWORD},
        ):
            answer = self.sign_in(**body)
            self.assertEqual((answer.status, json.loads(answer.body)["account"]), (200, "ann"), body)
        self.assertEqual(self.names(), [f"ann-firefox-on-android{n}" for n in ("", "-2", "-3")])

    def test_named(self) -> None:
        """A person may give it another name."""
        self.signed_in(user="ann", password=PASSWORD, name="Living-room TV!")
        self.assertEqual(self.names(), ["ann-living-room-tv"])

    def test_cookie(self) -> None:
        """The cookie is for this host and TLS alone, for no script and no other site, and lasts as the session does."""
        answer = self.sign_in(user="ann", password=PASSWORD)
        found = TOKEN.match(answer.headers["set-cookie"])
        assert found is not None
        self.assertLess(abs(int(found[2]) - IDLE_SECONDS), 60)
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertNotIn(found[1], answer.body.decode())

    def test_refused(self) -> None:
        """What signs nobody in is refused, and sets no cookie."""
        for body, status in (
            ({"code": "4821-guitar-pine"}, 401),
            ({"code": "no code"}, 401),
            ({"secret": "x"}, 401),
            ({"user": "ann", "password": "wrong"}, 401),
            ({"user": "ann"}, 400),
            ({}, 400),
            ({"code": "1-a-b", "secret": "x"}, 400),
            ({"user": "a" * 300, "password": "x"}, 400),
            (b"{", 400),
            (b"x" * 20_000, 413),
        ):
            answer = self.ask("POST", "/api/session", body=body)
            self.assertEqual((answer.status, answer.headers.get("set-cookie")), (status, None), str(body)[:50])
        self.assertEqual(self.names(), [])

    def test_throttled(self) -> None:
        """Guessing is throttled."""
        for _ in range(3):
            self.assertEqual(self.sign_in(user="ann", password="wrong").status, 401)
        answer = self.sign_in(user="ann", password=PASSWORD)
        self.assertEqual((answer.status, "retry-after" in answer.headers), (503, True))

    def test_foreign_page(self) -> None:
        """The page of another site cannot sign a person in to somebody else's account."""
        body = {"user": "ann", "password": PASSWORD}
        for field in (
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
        ):
            answer = self.sign_in(field, **body)
            self.assertEqual((answer.status, answer.headers.get("set-cookie")), (403, None), field)
        self.assertEqual(self.sign_in(OWN, ("Origin", f"https://{HOST}"), **body).status, 200)


class SessionTests(SessionCase):
    """GET and DELETE, and what a cookie is good for."""

    def test_described(self) -> None:
        """The page learns who is signed in, what they may do, and by what to know the server."""
        self.assertEqual(self.ask("GET", "/api/session").status, 401)
        cookie = self.signed_in()
        answer = self.ask("GET", "/api/session", cookie)
        described = json.loads(answer.body)
        self.assertIsInstance(described.pop("free"), int)
        expected = {
            "account": "ann",
            "device": "ann-firefox-on-android",
            "rights": ["read", "add", "replace", "delete"],
            "read_only": False,
            "fingerprint": self.web.server.services.tls.identity.fingerprint,
            "links": False,
            "thumbnails": list(SUFFIXES),
        }
        self.assertEqual(described, expected)
        self.assertIsNotNone(TOKEN.match(answer.headers["set-cookie"]))
        AccessTable(self.state).change("ann", AccessChange(links=True))
        notice_revoked(self.web.server)
        self.client = self.web.connect()
        self.assertTrue(json.loads(self.ask("GET", "/api/session", cookie).body)["links"])

    def test_other_logins(self) -> None:
        """A program with a password is told the same, and gets no cookie."""
        answer = self.ask("GET", "/api/session", basic())
        self.assertEqual((json.loads(answer.body)["device"], answer.headers.get("set-cookie")), (None, None))

    def test_renewed(self) -> None:
        """A session that is used ends later."""
        cookie = self.signed_in()
        (device,) = Devices(self.state).all()
        with self.state.transaction() as connection:
            connection.execute("UPDATE devices SET expires = ? WHERE id = ?", (time.time() + 1000, device.id))
        answer = self.ask("GET", "/api/session", cookie)
        found = TOKEN.match(answer.headers["set-cookie"])
        assert found is not None
        self.assertLess(abs(int(found[2]) - IDLE_SECONDS), 60)

    def test_signed_out(self) -> None:
        """Signing out ends the session and its cookie; the page is shown again without an error."""
        cookie = self.signed_in()
        self.assertEqual(self.ask("DELETE", "/api/session", cookie).status, 403)
        answer = self.ask("DELETE", "/api/session", cookie, OWN)
        self.assertEqual((answer.status, "Max-Age=0" in answer.headers["set-cookie"]), (204, True))
        self.assertEqual(answer.headers["clear-site-data"], '"cache"', "nothing that was seen stays in the browser")
        self.assertEqual(self.names(), [])
        notice_revoked(self.web.server)
        self.client = self.web.connect()
        self.assertEqual(self.ask("GET", "/api/session", cookie).status, 401)
        self.assertEqual(self.ask("GET", "/", cookie).status, 200)
        self.assertIn("revocation", [each["event"] for each in replay.lines(self.web.server.folder)])

    def test_changes(self) -> None:
        """With the cookie alone, as another site's page could send it, nothing is changed."""
        cookie = self.signed_in()
        for fields, status in (
            ((), 403),
            ((("Sec-Fetch-Site", "cross-site"),), 403),
            ((("Sec-Fetch-Site", "same-site"), ("X-Homeftp", "1")), 403),
            ((("Origin", "https://evil.example"), ("X-Homeftp", "1")), 403),
            ((OWN,), 404),
            ((("X-Homeftp", "1"),), 404),
        ):
            self.assertEqual(self.ask("DELETE", "/api/links/none", cookie, *fields).status, status, fields)

    def test_wrong_cookie(self) -> None:
        """A cookie that is none signs nobody in, and does not hide what needs no login."""
        for value in ("x" * 43, "", "x" * 10_000, '"'):
            wrong = ("Cookie", f"{SESSION_COOKIE}={value}")
            self.assertEqual(self.ask("GET", "/api/session", wrong).status, 401)
            self.assertEqual(self.ask("GET", "/", wrong).status, 200)

    def test_methods(self) -> None:
        """Other methods are named."""
        answer = self.ask("PUT", "/api/session", self.signed_in(), OWN, body=b"")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, POST, DELETE"))
