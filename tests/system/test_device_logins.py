"""Attacks on the logins of devices that have a secret, through several front ends of a real server."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import unicodedata

from twisted.trial.unittest import TestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.config import Limits
from homeftp.status import Status
from tests.support import replay
from tests.support.processes import PASSWORD, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.tlsconnections import HttpsConnection
from tests.support.waiting import wait_until

REVOKED_WITHIN = 5.0
"""Seconds: what the documentation promises."""

FOUND, UNAUTHORIZED, UNAVAILABLE = 207, 401, 503


class Web:
    """One connection for HTTPS, from an address of this machine's own network."""

    def __init__(self, server: ServerProcess, *, source: str = "127.0.0.1") -> None:
        match = re.search(r"https://127\.0\.0\.1:(\d+)/", server.output())
        assert match is not None, server.output()
        context = ssl.create_default_context(cafile=server.ca_file)
        self._connection = HttpsConnection(context, int(match[1]), within=60, source=(source, 0))

    def ask(self, name: bytes | str, password: bytes | str, method: str = "PROPFIND", path: str = "/dav/") -> int:
        """The status of a request with that name and password."""
        name, password = (each.encode() if isinstance(each, str) else each for each in (name, password))
        proof = base64.b64encode(name + b":" + password).decode()
        self._connection.request(method, path, headers={"Authorization": f"Basic {proof}", "Depth": "1"})
        response = self._connection.getresponse()
        self.body = response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


class DeviceLoginTests(TestCase):
    """The accounts ann, who has a password too, and bob; each has a device with an app password."""

    timeout = 300

    def setUp(self) -> None:
        self.server = ServerProcess("--https", "tcp:0:interface=127.0.0.1", "--no-announce")
        self.addCleanup(self.server.end)
        self.owner("account", "add", "bob", "--no-password")
        self.passwords = {name: self.add(f"{name}-tv", name) for name in ("ann", "bob")}
        self.web = self.connect()

    def owner(self, *arguments: str) -> str:
        """What a command of the owner prints."""
        done = run_homeftp(*arguments, "--state", self.server.state)
        self.assertEqual(done.returncode, Exit.DONE, done.stderr)
        return done.stdout

    def add(self, device: str, account: str) -> str:
        """The password of a new device."""
        made = json.loads(self.owner("device", "add-app", device, "--account", account, "--json"))
        password: str = made["password"]
        return password

    def connect(self, source: str = "127.0.0.1") -> Web:
        web = Web(self.server, source=source)
        self.addCleanup(web.close)
        return web

    def log_in(self, name: str, password: str) -> int:
        """The status of a login over homeftp's own protocol."""
        with RawClient(self.server.ports[0], self.server.ca_file).start_tls() as client:
            answer, _ = client.ask("LOGIN", {"username": name, "password": password})
        status: int = answer["status"]
        return status

    def test_names(self) -> None:
        """An app password works with the name of its account alone: no other account's, no spelling, no NUL."""
        password = self.passwords["ann"]
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "ann")
        self.assertEqual(unicodedata.normalize("NFKC", wide), "ann")
        near = ["ANN", "ann ", " ann", "ann\0", "ann\0bob", "ann\n", wide, "a\u0303nn"]
        names: tuple[str | bytes, ...] = ("bob", "", "%", *near, b"\xff\xfe", b"ann\xff")
        for name in names:
            self.assertEqual(self.web.ask(name, password), UNAUTHORIZED, name)
        self.assertEqual(self.log_in("bob", password), Status.LOGIN_FAILED)
        elsewhere = self.connect("127.0.0.2")  # where no wrong one was tried yet
        for other in (password[:-1], password + "a", password + "\0", "hf", "", "\N{SNOWMAN}" * 9):
            self.assertEqual(elsewhere.ask("ann", other), UNAUTHORIZED, other)
        self.assertEqual(self.web.ask("ann", password), FOUND)
        self.assertEqual(self.log_in("ann", password), Status.OK)
        self.assertEqual(self.web.ask("ann", PASSWORD), FOUND, "the account's own password works, too")

    def test_guessing(self) -> None:
        """Guesses through all front ends count together, and lock out their own address only."""
        most = Limits().guesses
        for number in range(most // 2):
            self.assertEqual(self.web.ask("ann", f"guess {number}"), UNAUTHORIZED)
        guesses = [self.add(f"x{number}", "bob") for number in range(3)]
        for guess in guesses:  # they exist, but belong to another account
            self.assertEqual(self.web.ask("ann", guess), UNAUTHORIZED)
        for _ in range(most - most // 2 - len(guesses)):
            self.assertEqual(self.log_in("ann", "wrong"), Status.LOGIN_FAILED)
        for name, password in (("ann", self.passwords["ann"]), ("ann", PASSWORD), ("bob", self.passwords["bob"])):
            self.assertEqual(self.web.ask(name, password), UNAVAILABLE)
            self.assertEqual(self.log_in(name, password), Status.BUSY)
        self.assertEqual(self.connect("127.0.0.2").ask("ann", self.passwords["ann"]), FOUND, "another address")
        refused = [each for each in replay.lines(self.server.state) if each["event"] == "login" and each["status"]]
        self.assertEqual(len(refused), most)
        self.assertEqual({each.get("front_end") for each in refused}, {None, "https"})
        shown = json.dumps(refused)
        for secret in (*guesses, *self.passwords.values(), PASSWORD, "guess 1"):
            self.assertNotIn(secret, shown)

    def check_ended(self, web: Web, name: str) -> None:
        """A login that is kept for requests to come ends within the time that is promised, also on its connection."""

        def ended() -> bool:
            try:
                return web.ask(name, self.passwords[name]) == UNAUTHORIZED
            except (OSError, http.client.HTTPException):
                web.close()  # the next request opens another connection
                return False

        wait_until(ended, within=REVOKED_WITHIN, every=0.5)

    def test_revoked(self) -> None:
        """Requests of a revoked device are refused, although its login was kept; those of others are answered."""
        other = self.connect()
        for web, name in ((self.web, "ann"), (other, "bob")):
            self.assertEqual(web.ask(name, self.passwords[name]), FOUND)
        self.owner("device", "revoke", "ann-tv")
        self.check_ended(self.web, "ann")
        self.assertEqual(other.ask("bob", self.passwords["bob"]), FOUND, "the control")

    def test_changed_account(self) -> None:
        """Requests go on when their account changes, also on a connection that is kept: none is refused or cut."""
        for links in ("on", "off", "on"):
            self.assertEqual(self.web.ask("ann", self.passwords["ann"]), FOUND)
            self.owner("account", "change", "ann", "--links", links)
            self.assertEqual(self.web.ask("ann", self.passwords["ann"]), FOUND)
        ended = "ann (ann-tv) is disconnected"  # the control: the login is another one
        wait_until(lambda: ended in self.server.output() or self.logins_of("ann") == 4, within=REVOKED_WITHIN)
        self.assertEqual(self.web.ask("ann", self.passwords["ann"]), FOUND)

    def logins_of(self, account: str) -> int:
        """How many of its logins are in the audit log."""
        lines = replay.lines(self.server.state)
        return sum(each["event"] == "login" and each.get("account") == account for each in lines)

    def test_narrowed(self) -> None:
        """A narrowed device sees and does what it has now from its next login on, and the old one ends."""
        self.assertEqual(self.web.ask("ann", self.passwords["ann"], "MKCOL", "/dav/photos"), 201)
        self.assertEqual(self.web.ask("ann", self.passwords["ann"], "MKCOL", "/dav/secret"), 201)
        self.owner("device", "narrow", "ann-tv", "--rights", "read", "--home", "photos")

        def narrowed() -> bool:
            try:
                self.web.ask("ann", self.passwords["ann"])
            except (OSError, http.client.HTTPException):
                self.web.close()
                return False
            return b"secret" not in self.web.body and b"multistatus" in self.web.body

        wait_until(narrowed, lambda: self.web.body, within=REVOKED_WITHIN, every=0.5)
        for path in ("/dav/secret/", "/dav/photos/", "/dav/../secret/"):
            self.assertIn(self.web.ask("ann", self.passwords["ann"], path=path), (400, 404), path)
        self.assertEqual(self.web.ask("ann", self.passwords["ann"], "MKCOL", "/dav/new"), 403)
        changed = [each["endpoint"] for each in replay.lines(self.server.state) if each["event"] == "change"]
        self.assertEqual(changed, ["photos", "secret"])
        told = {each.get("front_end") for each in replay.lines(self.server.state) if each["event"] == "change"}
        self.assertEqual(told, {"https"})

    def test_seen(self) -> None:
        """The list of devices shows which front end a device used."""
        self.assertEqual(self.web.ask("ann", self.passwords["ann"]), FOUND)

        def seen() -> dict[str, str | None]:
            lines = self.owner("device", "list", "--json").splitlines()
            return {each["name"]: each["front_end"] for each in map(json.loads, lines)}

        wait_until(lambda: seen() == {"ann-tv": "https", "bob-tv": None}, seen, every=0.3)
