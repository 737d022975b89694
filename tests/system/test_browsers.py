"""Browsers at a real server: each way to sign in, what cannot be guessed or forged, and how a session ends."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support import replay
from tests.support.browsing import LOOPBACK, Browser, owner
from tests.support.processes import PASSWORD, ServerProcess
from tests.support.waiting import wait_until

AGENT = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"}


class BrowserCase(SynchronousTestCase):
    """A server with a web page."""

    def setUp(self) -> None:
        self.server = self.start()
        self.browser = Browser(self.server)

    def start(self, folder: str | None = None) -> ServerProcess:
        server = ServerProcess("--https", LOOPBACK, folder=folder)
        self.addCleanup(server.end)
        return server

    def sign_in(self, **credentials: str) -> int:
        return self.browser.ask("POST", "/api/session", credentials, AGENT).status

    def devices(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in owner(self.server, "device", "list", "--json").splitlines()]


class SignInTests(BrowserCase):
    """Signing in."""

    def test_session(self) -> None:
        """The link of an invitation signs a browser in, once; its session is a device, works, and ends when revoked."""
        made = json.loads(owner(self.server, "invite", "--web", "--account", "ann", "--json"))
        address, _, secret = made["url"].partition("/#secret=")
        self.assertEqual(address, f"https://127.0.0.1:{self.browser.port}")
        self.assertEqual(self.sign_in(secret=secret), 200)
        self.assertEqual(Browser(self.server).ask("POST", "/api/session", {"secret": secret}).status, 401)

        session = self.browser.ask("GET", "/api/session").json
        self.assertEqual((session["account"], session["device"]), ("ann", "ann-safari-on-iphone"))
        self.assertEqual(session["fingerprint"], self.server.fingerprint)
        self.assertEqual(self.browser.ask("PUT", "/dav/a.txt", b"hello").status, 201)
        self.assertEqual(self.browser.ask("GET", "/dav/a.txt").body, b"hello")
        (change,) = [each for each in replay.lines(self.server.state) if each["event"] == "change"]
        self.assertEqual((change["device"], change["front_end"]), ("ann-safari-on-iphone", "https"))
        (device,) = self.devices()
        self.assertEqual((device["kind"], device["client"]), ("web session", "Safari on iPhone"))

        server = self.server
        server.end()
        self.server = self.start(server.folder)
        again = Browser(self.server)
        again.cookie = self.browser.cookie
        self.assertEqual(again.ask("GET", "/dav/a.txt").body, b"hello")
        owner(self.server, "device", "revoke", "ann-safari-on-iphone")
        wait_until(lambda: again.ask("GET", "/api/session").status == 401, within=5)
        self.assertIn(again.ask("GET", "/dav/a.txt").status, (401, 403))

    def test_code(self) -> None:
        """A pairing code signs in; three wrong words cancel it, and the waiting owner's list says so."""
        code = json.loads(owner(self.server, "invite", "--account", "ann", "--json"))["code"]
        self.assertEqual(self.sign_in(code=code), 200)
        code = json.loads(owner(self.server, "invite", "--account", "ann", "--json"))["code"]
        number = code.partition("-")[0]
        self.assertEqual([self.sign_in(code=f"{number}-zone-zone") for _ in range(3)], [401] * 3)
        self.assertEqual(self.sign_in(code=code), 401)
        self.assertIn("cancelled after three wrong tries", owner(self.server, "invite", "--list"))

    def test_password(self) -> None:
        """The account's password signs in; guessing ends at the limit that all front ends share."""
        self.assertEqual(self.sign_in(user="ann", password=PASSWORD), 200)
        statuses = {self.sign_in(user="ann", password=f"wrong {n}") for n in range(20)}
        self.assertEqual(statuses, {401})
        self.assertEqual(self.sign_in(user="ann", password=PASSWORD), 503)

    def test_cookie(self) -> None:
        """The cookie has every protection that browsers know, and signing out removes it and the device."""
        answer = self.browser.ask("POST", "/api/session", {"user": "ann", "password": PASSWORD})
        pattern = r"__Host-homeftp=[A-Za-z0-9_-]{43}; Path=/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict"
        self.assertIsNotNone(re.fullmatch(pattern, answer.headers["set-cookie"]))
        self.assertEqual(len(self.devices()), 1)
        self.assertEqual(self.browser.ask("DELETE", "/api/session").status, 204)
        self.assertEqual((self.browser.cookie, self.devices()), ("", []))

    def test_foreign_pages(self) -> None:
        """Another site's page changes nothing with the cookie, reads nothing with it, and signs nobody in."""
        self.sign_in(user="ann", password=PASSWORD)
        self.assertEqual(self.browser.ask("PUT", "/dav/a.txt", b"ours").status, 201)
        for headers in (
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "X-Homeftp": "1"},
            {"Origin": "https://evil.example"},
            {"Origin": "null", "X-Homeftp": "1"},
        ):
            for method, path, body in (
                ("PUT", "/dav/a.txt", b"theirs"),
                ("DELETE", "/dav/a.txt", None),
                ("POST", "/api/links", {"path": "a.txt"}),
                ("DELETE", "/api/session", None),
            ):
                answer = self.browser.ask(method, path, body, headers, own=False)
                self.assertEqual(answer.status, 403, (method, path, headers))
        answer = self.browser.ask("GET", "/dav/a.txt", headers={"Origin": "https://evil.example"}, own=False)
        self.assertNotIn("access-control-allow-origin", answer.headers)
        self.assertEqual(answer.body, b"ours")
        visitor = Browser(self.server)
        login = {"user": "ann", "password": PASSWORD}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            self.assertEqual(visitor.ask("POST", "/api/session", login, headers, own=False).status, 403)
        self.assertEqual(visitor.cookie, "")

    def test_secrets(self) -> None:
        """No secret is in the log of the server, in the audit log, or in the database."""
        secret = json.loads(owner(self.server, "invite", "--web", "--account", "ann", "--json"))["url"].partition("=")[
            2
        ]
        self.sign_in(secret=secret)
        token = self.browser.cookie.partition("=")[2]
        self.browser.ask("GET", "/api/session")
        self.server.end()
        seen = self.server.output().encode()
        for name in ("audit.jsonl", "state.sqlite"):
            with open(f"{self.server.state}/{name}", "rb") as file:
                seen += file.read()
        self.assertIn(b"ann-safari-on-iphone", seen)
        for each in (secret, token):
            self.assertNotIn(each.encode(), seen)
