"""Accounts that `homeftp account remove` removes while they log in: a real server, real clients, the real command."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import random
import re
import ssl
import threading
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Callable, Iterator

from twisted.trial.unittest import TestCase

from homeftp.accounts.access import AccessChange, AccessTable, parse_folder
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import Cost, hash_password
from homeftp.config import MIB, RESUMABLE
from homeftp.hashing.filehash import hash_bytes
from homeftp.status import Status
from tests.support.needs import LONG
from tests.support.processes import PASSWORD, WITHIN, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.sftppackets import DATA, HANDLE, NAMES, READ, Raw, attrs, u64
from tests.support.sshclient import SshClient
from tests.support.sshlink import SocketLink
from tests.support.tlsconnections import HttpsConnection
from tests.support.waiting import pause, wait_until

CLIENTS = 8
"""Of one round. With those of both rounds fewer logins fail than the server allows from one address."""

STEP = 0.15
"""Seconds between the logins of one round: some are before the removal, some are being checked, some are after it."""

COSTLY = Cost(n=2**14, r=8, p=12)
"""Of a password whose check takes about a second, several times as long as the command."""

PART = 2 * RESUMABLE
"""Bytes of an upload that arrive before the client is gone."""


class ReusedNameTests(TestCase):
    """An account that gets the name of a removed one."""

    timeout = 120

    def setUp(self) -> None:
        self.server = ServerProcess()
        self.addCleanup(self.server.end)
        self.state = AccountDatabase(self.server.state)
        self.stored = self.state.password("ann")
        self.content = b"secret" * RESUMABLE
        self.hash = hash_bytes(self.content)

    def resume_offset(self) -> int | None:
        """From where a new login of the account can resume the upload."""
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("kid", PASSWORD)
            answer, _ = client.ask("CMP", {"rel_endpoint": "diary", "size": len(self.content), "hash": self.hash})
        found: int | None = answer["body"].get("resume_from")
        return found

    def test_uploads(self) -> None:
        """The unfinished uploads of the removed account are not its own."""
        AccessTable(self.state).add("kid", self.stored, AccessChange(parse_folder("kid")))
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("kid", PASSWORD)
            body = {"rel_endpoint": "diary", "hash": self.hash}
            client.send("PUSH", body, self.content[:PART], content_length=len(self.content))
            client.cut()
        wait_until(lambda: self.resume_offset() == PART, within=WITHIN)
        done = run_homeftp("account", "remove", "kid", "--state", self.server.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        AccessTable(self.state).add("kid", self.stored, AccessChange(parse_folder("kid")))
        self.assertIsNone(self.resume_offset())


class CheckedTests(TestCase):
    """A login whose password is being checked while the command removes its account."""

    timeout = 120

    def test_while_checked(self) -> None:
        """It is refused. A costly password makes sure that it is being checked when the command returns."""
        server = ServerProcess()
        self.addCleanup(server.end)
        state = AccountDatabase(server.state)
        costly = hash_password(PASSWORD, COSTLY)
        for name in ("kid", "stays"):
            AccessTable(state).add(name, costly, AccessChange())
        with (
            RawClient(server.ports[0], server.ca_file) as removed,
            RawClient(server.ports[0], server.ca_file) as control,
        ):
            for client, name in ((removed, "kid"), (control, "stays")):
                client.start_tls().send("LOGIN", {"username": name, "password": PASSWORD})
            done = run_homeftp("account", "remove", "kid", "--state", server.state)
            self.assertEqual(done.returncode, 0, done.stderr)
            removed.socket.settimeout(0.01)
            self.assertRaises(TimeoutError, removed.response)
            removed.socket.settimeout(WITHIN)
            self.assertEqual(removed.response()[0]["status"], Status.LOGIN_FAILED)
            self.assertEqual(control.response()[0]["status"], Status.OK, "the control")


class RemovedTests(TestCase):
    """Every request that is sent after the command has returned."""

    timeout = 300

    def setUp(self) -> None:
        self.server = ServerProcess("--max-connections-per-address", "100", "--max-unauthenticated", "100")
        self.addCleanup(self.server.end)
        with open(self.server.path("secret"), "w", encoding="ascii") as file:
            file.write("another's")
        self.state = AccountDatabase(self.server.state)
        self.removed = threading.Event()
        self.served: list[tuple[bool, str]] = []
        """Whether the account was removed before the request was sent, and what was answered with success."""

        self.logged_in: set[tuple[bool, str]] = set()
        """The same of logins that were answered."""

    def client(self, name: str, delay: float) -> None:
        """In a thread: log in, and ask on and on until the server hangs up or nothing is answered any more."""
        pause(delay)
        try:
            with RawClient(self.server.ports[0], self.server.ca_file) as client:
                client.start_tls().ask("LOGIN", {"username": name, "password": PASSWORD})
                self.logged_in.add((self.removed.is_set(), name))
                for _ in range(200):
                    self.ask(client, "GET", {"rel_endpoint": ""})
                    self.ask(client, "GET", {"rel_endpoint": "secret"})
                    self.ask(client, "PUSH", {"rel_endpoint": f"{name}-{delay}"}, b"content")
                    pause(0.01)
        except (EOFError, OSError, ssl.SSLError):
            pass  # disconnected

    def ask(self, client: RawClient, request: str, body: dict[str, Any], payload: bytes = b"") -> None:
        removed = self.removed.is_set()
        answer, _ = client.ask(request, body, payload)
        if answer["status"] == 0:
            self.served.append((removed, request))

    def test_removed(self) -> None:
        """A removed account reads, lists and stores nothing, whenever its login began, with a home and without."""
        stored = self.state.password("ann")
        for name, home in (("with-a-home", parse_folder("home")), ("without", None)):
            AccessTable(self.state).add(name, stored, AccessChange(home))
            self.removed.clear()
            clients = [threading.Thread(target=self.client, args=(name, STEP * step)) for step in range(CLIENTS)]
            for each in clients:
                each.start()
            wait_until(partial(self.logged_in.__contains__, (False, name)), within=WITHIN)
            done = run_homeftp("account", "remove", name, "--state", self.server.state)
            self.removed.set()
            self.assertEqual(done.returncode, 0, done.stderr)
            for each in clients:
                each.join(WITHIN)
        self.assertEqual([request for removed, request in self.served if removed], [])
        self.assertNotEqual(self.served, [], "the control: some had logged in before")
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("ann", PASSWORD)
            self.ask(client, "GET", {"rel_endpoint": "secret"})
        self.assertEqual(self.served[-1], (True, "GET"), "the control: others are served")


class FrontEndTests(TestCase):
    """Accounts that are removed while they log in by all front ends, with a password and with an app password."""

    timeout = 1800

    def setUp(self) -> None:
        front_ends = ("--https", "tcp:0:interface=127.0.0.1", "--sftp", "tcp:0:interface=127.0.0.1")
        self.server = ServerProcess(*front_ends, "--no-announce")
        self.addCleanup(self.server.end)
        for name, content in (("secret", b"another's" * 10), ("large", bytes(4 * MIB))):
            Path(self.server.path(name)).write_bytes(content)
        folder = Path(self.server.path("folder"))
        folder.mkdir()
        for number in range(600):
            Path(folder, f"{number:03}").touch()
        self.https, self.sftp = (
            int(found[1])
            for pattern in (r"https://127\.0\.0\.1:(\d+)/", r"sftp -P (\d+) ")
            if (found := re.search(pattern, self.server.output()))
        )
        self.state = AccountDatabase(self.server.state)
        self.stored = self.state.password("ann")
        self.sources = (f"127.{a}.{b}.1" for a in range(1, 200) for b in range(1, 200))
        self.removed = threading.Event()
        self.served: set[tuple[bool, str]] = set()
        """Whether the command had returned before a request was sent, and the way in which it was served."""

    def run_until_removed(self, way: str, delay: float, meet: Callable[[str, str], Iterator[bool]], name: str) -> None:
        """In a thread: be served on and on, until the server hangs up, or all is refused."""
        source = next(self.sources)
        asked = meet(name, source)
        pause(delay)
        # The end of a connection, however the client of its protocol says so; an AssertionError is a refused login.
        with contextlib.suppress(EOFError, OSError, AssertionError, http.client.HTTPException):
            for _ in range(1000):
                removed = self.removed.is_set()
                if next(asked):
                    self.served.add((removed, way))
                pause(0.002)

    def json(self, name: str, source: str) -> Iterator[bool]:
        """Whether each request of homeftp's own protocol was served."""
        with RawClient(self.server.ports[0], self.server.ca_file, source=source) as client:
            client.start_tls().login(name, PASSWORD)
            for path in itertools.cycle(("", "secret", "large")):
                yield client.ask("GET", {"rel_endpoint": path})[0]["status"] == 0

    def web(self, password: str, name: str, source: str) -> Iterator[bool]:
        """Whether each request by HTTPS was."""
        context = ssl.create_default_context(cafile=self.server.ca_file)
        connection = HttpsConnection(context, self.https, source=(source, 0))
        proof = base64.b64encode(f"{name}:{password}".encode()).decode()
        try:
            for path in itertools.cycle(("/dav/secret", "/api/list/", "/api/list/folder", "/dav/large")):
                connection.request("GET", path, headers={"Authorization": f"Basic {proof}"})
                response = connection.getresponse()
                response.read()
                yield response.status == HTTPStatus.OK
        finally:
            connection.close()

    def files(self, password: str, name: str, source: str) -> Iterator[bool]:
        """Whether each request of SFTP was: also about what is open, of which the server has a part in memory."""
        link = SocketLink(SshClient(), self.sftp, source)
        with link.socket:
            link.exchange_keys()
            assert link.log_in(name, password)
            link.open_sftp()
            opened = [link.ask(3, path, READ, Raw(attrs())).string for path in (b"/secret", b"/large")]
            offsets = itertools.count(0, 4096)
            while True:
                for handle in opened:
                    yield link.ask(5, handle, Raw(u64(next(offsets) if handle is opened[1] else 0)), 4096).kind == DATA
                listed = link.ask(11, b"/folder")
                yield listed.kind == HANDLE
                yield link.ask(12, listed.string).kind == NAMES
                yield link.ask(12, listed.string).kind == NAMES
                link.ask(4, listed.string)

    def test_removed(self) -> None:
        """Nothing is read or listed once the command has returned, whenever a login began and however it came.

        The control is the first account: it is removed when it was served in all ways.
        """
        for number in range(100 if LONG else 2):
            name = f"kid{number}"
            AccessTable(self.state).add(name, self.stored, AccessChange())
            add = ("device", "add-app", f"{name}-app", "--account", name, "--json", "--state", self.server.state)
            app = json.loads(run_homeftp(*add).stdout)["password"]
            ways: dict[str, Callable[[str, str], Iterator[bool]]] = {
                "json": self.json,
                "https": partial(self.web, PASSWORD),
                "https, app": partial(self.web, app),
                "sftp": partial(self.files, PASSWORD),
                "sftp, app": partial(self.files, app),
            }
            self.removed.clear()
            threads = [
                threading.Thread(target=self.run_until_removed, args=(way, delay, meet, name))
                for way, meet in ways.items()
                for delay in (0.0, random.uniform(0.0, 0.5))
            ]
            for each in threads:
                each.start()
            if not number:
                wait_until(partial(self.served.issuperset, [(False, way) for way in ways]), within=WITHIN)
            pause(random.uniform(0.0, 1.0))
            done = run_homeftp("account", "remove", name, "--state", self.server.state)
            self.removed.set()
            self.assertEqual(done.returncode, 0, done.stderr)
            for each in threads:
                each.join(WITHIN)
        self.assertEqual([way for removed, way in self.served if removed], [])
