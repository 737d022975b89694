"""The protocol page, held against codec and limits. tests/system/test_vectors.py runs its sessions and its programs."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from homeftp import config, endpoint
from homeftp.config import Limits
from homeftp.errors import BadRequest
from homeftp.status import Status
from homeftp.wire import codec
from homeftp.wire.states import ConnectionState, Phase
from tests.support.inmemory import Connection, Server
from tests.support.vectors import PAGES, SENDS, fits, sent, sessions


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
        """The page says which requests are legal in a phase, and the status of the others."""
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
                [endpoint.MAX_PARTS],
                [limits.in_flight],
                [config.SMALL_FILE],
                [config.BATCH_ENTRIES],
                [config.BATCH_BYTES],
                [limits.buffered],
                [limits.login_attempts],
                [limits.account_watches, limits.watches],
                [
                    limits.connections,
                    limits.connections_per_address,
                    limits.unauthenticated,
                    limits.unauthenticated_per_address,
                ],
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
