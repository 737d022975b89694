"""Devices that log in while `device revoke` or `account remove` takes their access away: real processes of all three.

The server is stopped at some moment of their logins, the command runs, and the server goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
from typing import Iterator

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import TestCase

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import add_device
from homeftp.crypto.devicecert import certify_device, new_request
from homeftp.host import now
from homeftp.status import Status
from tests.support.processes import WITHIN, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.waiting import pause

ROUNDS = 100 if os.environ.get("HOMEFTP_TESTS_LONG") else 8

MOST_ROUNDS = 5 * ROUNDS

CLIENTS = 4
"""Connections of the device in each round, one after the other: the first are logged in, the last ones are not yet."""

STEP = 0.002
"""Seconds that the server is stopped later in each round, up to `STEPS` of them."""

STEPS = 8

AT_ONCE = 0.01
"""Seconds in which what has arrived can be read."""


@attrs.define
class Connection:
    """A device's connection, which has asked for a file as soon as its handshake was over."""

    client: RawClient
    is_answered: bool = False
    """Whether the answer came before the command ran."""

    def look(self) -> None:
        """Read the answer if it has come."""
        self.client.socket.settimeout(AT_ONCE)
        with contextlib.suppress(TimeoutError):
            self.is_answered = self.client.answer()[0]["status"] == Status.OK
        self.client.socket.settimeout(WITHIN)

    def ask(self) -> None:
        self.client.send("GET", {"rel_endpoint": "secret"})

    def status(self) -> int | None:
        """What is answered to the request that was sent last; None where the server hangs up."""
        try:
            if not self.is_answered:
                self.client.answer()
            status: int = self.client.answer()[0]["status"]
        except (EOFError, OSError, ssl.SSLError):
            return None
        return status


class RemovedDeviceTests(TestCase):
    """Logins of devices in the window of a removal."""

    timeout = 600

    def setUp(self) -> None:
        self.server = ServerProcess("--max-connections-per-address", "100", "--max-unauthenticated", "100")
        self.addCleanup(self.server.end)
        self.addCleanup(self.server.send, signal.SIGCONT)
        with open(self.server.path("secret"), "w", encoding="ascii") as file:
            file.write("another's")
        self.state = AccountDatabase(self.server.state)
        self.answered = self.undecided = self.devices = 0
        """Connections that had an answer before the removal, and that had none; and devices that were made."""

    def device(self, account: str) -> tuple[str, str]:
        """A new device of the account, which is made where it is missing: the device's name, and its certificate."""
        if AccessTable(self.state).find(account) is None:
            AccessTable(self.state).add(account, self.state.password("ann"), AccessChange())
        self.devices += 1
        id = f"{self.devices:032x}"
        with self.state.transaction() as connection:
            name = add_device(connection, id, account, "laptop", now().timestamp()).name
        key, request = new_request()
        path = os.path.join(self.server.folder, f"{name}.pem")
        with open(path, "wb") as file:
            file.write(key + certify_device(self.server.state, request, id, now=now).public_bytes(Encoding.PEM))
        return name, path

    def connection(self, certificate: str) -> Connection:
        """Log in as a device, which nothing answers, and ask for a file."""
        client = RawClient(self.server.ports[0], self.server.ca_file, device=certificate)
        self.addCleanup(client.socket.close)
        made = Connection(client.start_tls())
        self.addCleanup(client.socket.close)
        made.ask()
        return made

    def command(self, *command: str) -> None:
        """Run `homeftp ...`. A server that was stopped while it wrote keeps it from the database or the audit log."""
        done = run_homeftp(*command, "--state", self.server.state)
        if done.returncode != 0 and not done.stderr.startswith("homeftp: done, but the audit log"):
            self.server.send(signal.SIGCONT)
            done = run_homeftp(*command, "--state", self.server.state)
            self.assertEqual(done.returncode, 0, done.stderr)

    def round(self, step: int, *command: str, certificate: str, other: str) -> None:
        """Run a command that removes a device while it logs in, beside one that stays."""
        stays = self.connection(other)
        removed = [self.connection(certificate) for _ in range(CLIENTS)]
        pause(step % STEPS * STEP)
        self.server.send(signal.SIGSTOP)
        for each in (*removed, stays):
            each.look()
        self.command(*command)
        for each in (*removed, stays):
            each.ask()
        self.server.send(signal.SIGCONT)
        self.assertNotIn(Status.OK, [each.status() for each in removed], f"round {step}")
        self.assertEqual(stays.status(), Status.OK, "the control: others are served")
        self.answered += sum(each.is_answered for each in removed)
        self.undecided += sum(not each.is_answered for each in removed)
        for each in (*removed, stays):
            each.client.socket.close()

    def rounds(self) -> Iterator[int]:
        """The numbers of the rounds; more of them where a busy machine has let all logins come equally far."""
        for step in range(MOST_ROUNDS):
            if step >= ROUNDS and self.answered and self.undecided:
                return
            yield step

    def check(self) -> None:
        """The control: some logins had succeeded, and others had not come so far."""
        self.assertGreater(self.answered, 0)
        self.assertGreater(self.undecided, 0)

    def test_device(self) -> None:
        """A device is refused or cut off from the moment at which the command that revokes it has returned."""
        _, other = self.device("stays")
        for step in self.rounds():
            name, certificate = self.device("kid")
            self.round(step, "device", "revoke", name, certificate=certificate, other=other)
        self.check()

    def test_account(self) -> None:
        """So is each device of an account that is removed."""
        _, other = self.device("stays")
        for step in self.rounds():
            _, certificate = self.device("kid")
            self.round(step, "account", "remove", "kid", certificate=certificate, other=other)
        self.check()
