"""The protocol page, held against codec and server: its sessions, its tables, its client, and openssl by hand."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from homeftp import config, endpoint
from homeftp.config import Limits
from homeftp.crypto.ca import server_name
from homeftp.errors import BadRequest
from homeftp.status import Status
from homeftp.wire import codec
from homeftp.wire.states import ConnectionState, Phase
from tests.support.inmemory import Connection, Server
from tests.support.processes import PASSWORD, ServerProcess
from tests.support.vectors import PAGES, SENDS, Player, fits, lay_share, sent, sessions


def tables() -> list[list[list[str]]]:
    """The rows of each table of the page, but for its head."""
    text = (PAGES / "index.rst").read_text(encoding="utf-8")
    found = []
    for part in text.split(".. list-table::")[1:]:
        unwrapped = re.sub(r"\n {7}(?=\S)", " ", part.split("\n\n", 2)[1] + "\n")
        rows = re.findall(r"^   \* - (.*\n(?:     -.*\n)+)", unwrapped, re.MULTILINE)
        found.append([[cell.strip() for cell in row.split("\n     - ")] for row in rows][1:])
    return found


class PageTests(SynchronousTestCase):
    """What the page says besides its sessions is what the code does."""

    def table(self, first: str) -> list[list[str]]:
        """The table whose first row begins with `first`."""
        (found,) = (rows for rows in tables() if rows and rows[0][0].startswith(first))
        return found

    def numbers(self, first: str, *, cell: int) -> list[list[int]]:
        """The numbers in one cell of each row of a table."""
        return [[int(number) for number in re.findall(r"\d+", row[cell])] for row in self.table(first)]

    def test_sessions(self) -> None:
        """Every session is on a page, once, and no example is there that is not a session."""
        text = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.rst"))
        shown = re.findall(r":: vectors.txt\n   :start-after: === ([a-z-]+) \(\n", text)
        self.assertEqual(sorted(shown), sorted(session.name for session in sessions()))
        self.assertEqual(re.findall(r"^ +(?:->|<-) .*", text, re.MULTILINE), [])

    def test_statuses(self) -> None:
        """The page has each status, by number and name, and no other."""
        stated = [row[0].split() for row in self.table("0 OK")]
        self.assertEqual(stated, [[str(status.value), status.name] for status in Status])

    def test_phases(self) -> None:
        """What is legal in a phase, and with what status the rest is refused, is what the page says."""
        for name, legal, otherwise in self.table("plain"):
            asked = ("STARTTLS", "HELLO", "LOGIN", "QUIT", "GET", "OTHER")
            named = set(re.findall(r"[A-Z]{4,}", legal))
            allowed = set(asked) - named if legal.startswith("everything but") else named
            conversation = ConnectionState(Phase(name))
            for request_type in asked:
                refused = conversation.refusal(request_type)
                self.assertEqual(refused is None, request_type in allowed, (name, request_type))
                if refused is not None and "answered" in otherwise:
                    self.assertIn(str(refused.status.value), otherwise)

    def test_limits(self) -> None:
        """The limits and deadlines of the page are the defaults."""
        limits = Limits()
        self.assertEqual(
            self.numbers("a request's line", cell=1),
            [
                [config.MAX_REQUEST_LINE],
                [config.MAX_RESPONSE_LINE],
                [config.LISTING_PAGE],
                [endpoint.MAX_PATH_BYTES],
                [endpoint.MAX_NAME_BYTES],
                [limits.in_flight],
                [config.SMALL_FILE],
                [limits.buffered],
                [limits.login_attempts],
                [limits.connections, limits.connections_per_address, limits.unauthenticated],
            ],
        )
        self.assertEqual(
            self.numbers("the TLS handshake", cell=1),
            [[limits.tls_seconds], [limits.login_seconds], [limits.stall_seconds], [limits.stall_seconds]],
        )


class CodecTests(SynchronousTestCase):
    """Every line of the sessions, through the codec alone."""

    def test_requests(self) -> None:
        """A request is decoded and, encoded again, is the same; a malformed one is refused as the page says."""
        for session in sessions():
            for steps in session.connections():
                if session.name.startswith("malformed"):
                    line = b"".join(sent(*step) for step in steps if step[0] in SENDS).partition(b"\n")[0]
                    with self.assertRaises(BadRequest) as caught:
                        codec.decode_request(line)
                    expected = json.loads(steps[-2][1])
                    self.assertTrue(fits(caught.exception.message, expected["message"]), f"{line[:200]!r}")
                    continue
                for kind, text in steps:
                    if kind == "->" and text.startswith("{"):
                        self.check_request(text)

    def check_request(self, text: str) -> None:
        """One request's line."""
        request = codec.decode_request(text.encode())
        body = json.loads(bytes(request.body))
        encoded = codec.encode_request(request.request_type, body, id=request.id, content_length=request.content_length)
        meant = json.loads(text)
        known = {name: meant[name] for name in ("request_type", "id", "body", "content_length") if meant.get(name)}
        self.assertEqual(json.loads(encoded), known)

    def test_responses(self) -> None:
        """A response is decoded and, encoded again, is the same."""
        for session in sessions():
            for kind, text in session.steps:
                if kind == "<-":
                    response = codec.decode_response(text.encode())
                    encoded = codec.encode_response(
                        response.status,
                        response.message,
                        response.body,
                        id=response.id,
                        content_length=response.content_length,
                        more=response.more,
                    )
                    self.assertEqual(json.loads(encoded), json.loads(text))


class SessionTests(SynchronousTestCase):
    """Every example of the protocol page, run."""

    maxDiff = None

    def test_server(self) -> None:
        """A real server, over real TLS, answers each session as the page has it, its messages included."""
        server = ServerProcess()
        self.addCleanup(server.end)
        player = Player(server)
        self.addCleanup(player.leave)
        members_first = sorted(sessions(), key=lambda session: session.phase)
        wrong = [outcome for outcome in map(player.outcome, members_first) if outcome]
        self.assertEqual("\n".join(wrong), "")


class ExampleTests(SynchronousTestCase):
    """The programs of the page, run."""

    def run_program(self, *command: object, input: str = "") -> str:
        """A program's output; it ends well."""
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_programs(self) -> None:
        """The client of ssl and socket does all it says; openssl shows who the server is, and talks to it by hand."""
        loopback = "tcp:0:interface=127.0.0.1"
        server = ServerProcess(listen=("--listen", loopback, "--listen-tls", loopback))
        self.addCleanup(server.end)
        plain, tls = server.ports
        examples = PAGES / "examples"
        self.assertEqual(
            self.run_program(
                *(sys.executable, "-I", examples / "client.py", "127.0.0.1", plain, server.ca_file, "ann"),
                input=PASSWORD + "\n",
            ).splitlines(),
            ["stored hello.txt", "hello.txt: the same", "Hello, home!", "1000 times the same", "goodbye"],
        )

        fingerprint, name = self.run_program("sh", examples / "identity.sh", server.ca_file).splitlines()
        self.assertEqual(fingerprint, server.fingerprint)
        ca = x509.load_pem_x509_certificate(Path(server.ca_file).read_bytes())
        self.assertEqual(name, server_name(ca))

        lay_share(server)
        (session,) = (session for session in sessions() if session.name == "by-hand")
        typed = b"".join(sent(kind, text) for kind, text in session.steps if kind in SENDS)
        shown = self.run_program(
            *("sh", examples / "by-hand.sh", f"127.0.0.1:{tls}", server.ca_file, name), input=typed.decode()
        )
        expected = [text for kind, text in session.steps if kind in ("<-", "<<")]
        self.assertEqual(len(shown.splitlines()), len(expected), shown)
        for line, text in zip(shown.splitlines(), expected, strict=True):
            fitting = (
                fits(json.loads(line), json.loads(text)) if text.startswith("{") else line == text.removesuffix("\\n")
            )
            self.assertTrue(fitting, f"{line}\ninstead of\n{text}")


class PaceTests(SynchronousTestCase):
    """What the page promises about a server that has much to do."""

    def test_window(self) -> None:
        """64 requests with almost a MiB of small payloads are taken in while no answer is read."""
        server = Server.make()
        self.addCleanup(server.close)
        server.put("large", b"x" * config.SMALL_FILE)
        connection = Connection(server)
        connection.protocol.transport.producer.pauseProducing()  # type: ignore[attr-defined]
        for number in range(15):
            connection.send("PUSH", {"rel_endpoint": f"new/{number}"}, b"x" * config.SMALL_FILE)
        for _ in range(48):
            connection.send("GET", {"rel_endpoint": "large"})
        self.assertEqual(connection.transport.producerState, "producing")
        self.assertEqual(connection.responses(), [], "the control: none was read")
        connection.send("GET", {"rel_endpoint": "large"})
        self.assertEqual(connection.transport.producerState, "paused", "the control: one more has to wait")

    def test_full(self) -> None:
        """Where there are too many connections, one more is told so in a line and closed; TLS-first, just closed."""
        loopback = "tcp:0:interface=127.0.0.1"
        listen = ("--listen", loopback, "--listen-tls", loopback)
        server = ServerProcess("--max-connections-per-address", "1", listen=listen)
        self.addCleanup(server.end)
        plain, tls = server.ports
        with contextlib.closing(socket.create_connection(("127.0.0.1", plain), 10)):
            for port, status in ((plain, 51), (tls, None)):
                with contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as more:
                    received = b""
                    with contextlib.suppress(ConnectionResetError):
                        while data := more.recv(4096):
                            received += data
                    self.assertEqual(json.loads(received)["status"] if received else None, status)
