"""The shell: framing, phases and bad input, with the real session and dispatchers."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.config import MAX_REQUEST_LINE, MIB, SMALL_FILE
from homeftp.errors import Busy
from homeftp.interfaces import guest
from homeftp.status import Status
from homeftp.wire.states import Phase
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import Wire, identity
from tests.support.inmemory import PASSWORD, Connection, Server
from tests.support.queuedworkers import QueuedTurns
from tests.support.verbs import VerbTestCase, digest

T = TypeVar("T")


class PhaseTests(VerbTestCase):
    """Answers before TLS, and before login."""

    def test_nothing_before_tls(self) -> None:
        """Any line but STARTTLS gets 30, and the connection is closed."""
        for line in (b'{"request_type": "HELLO"}', b"POST / HTTP/1.1", b"", b"\xff", b"{" * 20, b"x" * 20_000):
            connection = Connection(self.server, tls=False)
            connection.send_raw(line + b"\n" + b'{"request_type": "STARTTLS"}\n')
            [response] = connection.responses()
            self.assertEqual(response.status, Status.TLS_REQUIRED, line)
            self.assertIn("STARTTLS", response.message)
            self.assertTrue(connection.transport.disconnecting)
            self.assertIsNone(connection.transport.tls)

    def test_starttls(self) -> None:
        """STARTTLS alone is answered, and TLS begins."""
        connection = Connection(self.server, tls=False)
        connection.send("STARTTLS")
        self.assertEqual([response.status for response in connection.responses()], [0])
        self.assertIsNotNone(connection.transport.tls)
        self.assertFalse(connection.transport.aborted)

    def test_plaintext_behind_starttls(self) -> None:
        """Bytes behind the STARTTLS line in plaintext are an attack: the connection is aborted (CVE-2011-0411)."""
        for injected in (b'{"request_type": "QUIT"}\n', b"x", b"\n"):
            connection = Connection(self.server, tls=False)
            connection.send_raw(b'{"request_type": "STARTTLS"}\n' + injected)
            self.assertTrue(connection.transport.aborted, injected)
            self.assertIsNone(connection.transport.tls)

    def test_handshake_in_turn(self) -> None:
        """A stranger's STARTTLS and each step of its handshake wait for the turn of its address; its end does not."""
        turns = QueuedTurns()
        self.server.services = attrs.evolve(self.server.services, workers=turns)
        self.server.json = attrs.evolve(self.server.json, server=self.server.services)
        server = self.server.protocol(identity=identity("home"))
        wire = Wire(clock=self.server.clock, server=server)
        for _ in range(3):
            wire.pump()
            (call,) = turns.calls
            self.assertNotEqual(server.session.state.phase, Phase.UNAUTHENTICATED, "nothing happens before the turn")
            turns.calls.clear()
            call()
        self.assertEqual(server.session.state.phase, Phase.UNAUTHENTICATED)
        self.assertEqual(turns.accounts, [guest("192.0.2.1")] * 3)
        wire.near.disconnect(ConnectionLost())
        wire.far.disconnect(ConnectionLost())
        self.assertEqual((server in self.server.services.connections, turns.calls), (False, []))

    def test_starttls_with_payload(self) -> None:
        """STARTTLS cannot announce bytes."""
        connection = Connection(self.server, tls=False)
        connection.send_raw(b'{"request_type": "STARTTLS", "content_length": 5}\n')
        self.assertEqual([response.status for response in connection.responses()], [Status.TLS_REQUIRED])
        self.assertIsNone(connection.transport.tls)

    def test_second_starttls(self) -> None:
        """Inside TLS STARTTLS is refused and the connection closed, before and after login."""
        for login in (False, True):
            connection = Connection(self.server, login=login)
            self.assertEqual(connection.ask("STARTTLS").status, Status.BAD_REQUEST)
            self.assertTrue(connection.transport.disconnecting)

    def test_nothing_before_login(self) -> None:
        """Before login all but HELLO, LOGIN, PAIR and QUIT get 31, known or not, and the connection is closed."""
        for request_type in ("GET", "PUSH", "NONSENSE", "RENEW"):
            connection = Connection(self.server, login=False)
            connection.send(request_type, {"rel_endpoint": "a"})
            connection.send("HELLO")
            self.assertEqual([r.status for r in connection.responses()], [Status.LOGIN_REQUIRED], request_type)
            self.assertTrue(connection.transport.disconnecting)

    def test_payload_before_login(self) -> None:
        """The server does not wait for a large payload before login."""
        connection = Connection(self.server, login=False)
        connection.send_raw(b'{"request_type": "PUSH", "content_length": 100000000}\n' + bytes(1000))
        self.assertEqual([r.status for r in connection.responses()], [Status.LOGIN_REQUIRED])
        self.assertTrue(connection.transport.disconnecting)

    def test_hello(self) -> None:
        """HELLO names the login methods before login, and the request types after it."""
        hello = Connection(self.server, login=False).ask("HELLO")
        self.assertEqual(hello.body["account"], None)
        self.assertNotIn("GET", hello.body["request_types"])
        hello = self.connection.ask("HELLO")
        self.assertEqual(hello.body["account"], "ann")
        self.assertIn("GET", hello.body["request_types"])
        self.assertEqual(hello.body["limits"]["request_line"], MAX_REQUEST_LINE)

    def test_login_attempts(self) -> None:
        """The third wrong password closes the connection, and a right one afterwards is not looked at."""
        connection = Connection(self.server, login=False)
        for _ in range(3):
            self.assertFalse(connection.transport.disconnecting)
            response = connection.ask("LOGIN", {"username": "ann", "password": "wrong"})
            self.assertEqual(response.status, Status.LOGIN_FAILED)
            self.assertNotIn("ann", response.message)
        self.assertTrue(connection.transport.disconnecting)
        connection.send("LOGIN", {"username": "ann", "password": PASSWORD})
        self.assertEqual(connection.responses(), [])

    def test_login_and_request_together(self) -> None:
        """A request that is sent behind LOGIN without waiting is answered as a member's."""
        connection = Connection(self.server, login=False)
        connection.send("LOGIN", {"username": "ann", "password": PASSWORD})
        connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        connection.send("CMP", {"rel_endpoint": "a", "hash": digest(b"x")})
        self.assertEqual([r.status for r in connection.responses()], [0, 0, Status.SAME])

    def test_login_busy(self) -> None:
        """A login that cannot be checked for now is answered 51 and does not count, however often; then it may pass."""
        full = True

        class Full(InlineWorkers):
            def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
                return fail(Busy("too much to do")) if full else super().run(job, *args)

        state = self.server.state
        state.add_account("ann", hash_password(PASSWORD, Cost(n=2, r=1, p=1)))
        self.server.portal.registerChecker(PasswordChecker(state, Full()))
        connection = Connection(self.server, login=False)
        for _ in range(self.limits.login_attempts + 1):
            response = connection.ask("LOGIN", {"username": "ann", "password": PASSWORD})
            self.assertEqual(response.status, Status.BUSY)
        full = False
        self.assertEqual(connection.ask("LOGIN", {"username": "ann", "password": PASSWORD}).status, 0)

    def test_second_login(self) -> None:
        """Logging in twice is refused, and changes nothing."""
        response = self.connection.ask("LOGIN", {"username": "ann", "password": PASSWORD})
        self.assertEqual(response.status, Status.BAD_REQUEST)
        self.assertEqual(self.connection.ask("HELLO").body["account"], "ann")

    def test_quit(self) -> None:
        """QUIT is answered after everything before it, and closes."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.connection.send("QUIT")
        self.assertEqual([r.status for r in self.connection.responses()], [0, 0])
        self.assertTrue(self.connection.transport.disconnecting)
        self.connection.send("HELLO")
        self.assertEqual(self.connection.responses(), [])


HASH = "`sha256:` and 64 hexadecimal digits in small letters"


class BadInputTests(VerbTestCase):
    """One answer with the right status and a message that names the fault."""

    CLOSING = (
        ("not JSON", b"hello", "not JSON"),
        ("empty", b"", "JSON"),
        ("a list", b"[]", "object"),
        ("not UTF-8", b'{"request_type": "GET", "x": "\xff"}', "UTF-8"),
        ("UTF-16, marked", '{"request_type":"GET"}'.encode("utf-16"), "seems, UTF-16 or UTF-32: send it in UTF-8"),
        ("UTF-16LE", '{"request_type":"GET"}'.encode("utf-16-le"), "seems, UTF-16 or UTF-32: send it in UTF-8"),
        ("UTF-16BE", '{"request_type":"GET"}'.encode("utf-16-be"), "seems, UTF-16 or UTF-32: send it in UTF-8"),
        ("UTF-32", '{"request_type":"GET"}'.encode("utf-32"), "seems, UTF-16 or UTF-32: send it in UTF-8"),
        ("UTF-8, marked", b'\xef\xbb\xbf{"request_type": "GET"}', "byte order mark: leave it out"),
        ("NaN", b'{"request_type": "GET", "body": {"offset": NaN}}', "JSON"),
        ("no request_type", b"{}", "request_type"),
        ("request_type is a number", b'{"request_type": 5}', "request_type"),
        ("nested", b'{"request_type": "GET", "x": ' + b"[" * 16_000, "nested"),
        ("content_length negative", b'{"request_type": "PUSH", "content_length": -1}', "content_length"),
        ("content_length 2^63", b'{"request_type": "PUSH", "content_length": 9223372036854775808}', "content_length"),
        ("content_length 1e400", b'{"request_type": "PUSH", "content_length": 1e400}', "content_length"),
        ("content_length true", b'{"request_type": "PUSH", "content_length": true}', "content_length"),
        ("content_length 1.5", b'{"request_type": "PUSH", "content_length": 1.5}', "content_length"),
        ("id is a list", b'{"request_type": "GET", "id": []}', "id"),
        ("id of many digits", b'{"request_type": "GET", "id": ' + b"9" * 10_000 + b"}", "id"),
        ("high surrogate", b'{"request_type": "\\ud800"}', "lone surrogate"),
        ("low surrogate", b'{"request_type": "HELLO", "x": "a\\\\\\uDC00b"}', "lone surrogate"),
        ("two high ones", b'{"request_type": "HELLO", "id": "\\ud83d\\ud83d\\ude00"}', "lone surrogate"),
        ("surrogates in place", b'{"id": "\\ud83d\\ude00 \\\\ud800", "request_type": "HELLO"', "truncated"),
    )
    GOING_ON: tuple[tuple[str, str, dict[str, object], Status, str], ...] = (
        ("unknown type", "FROB", {}, Status.UNKNOWN_REQUEST_TYPE, "FROB"),
        ("lower case", "get", {"rel_endpoint": "a"}, Status.UNKNOWN_REQUEST_TYPE, "GET"),
        ("missing parameter", "GET", {}, Status.BAD_REQUEST, "rel_endpoint"),
        ("mistyped parameter", "GET", {"rel_endpoint": 5}, Status.BAD_REQUEST, "rel_endpoint"),
        ("float offset", "GET", {"rel_endpoint": "a", "offset": 1.0}, Status.BAD_REQUEST, "offset"),
        ("negative offset", "GET", {"rel_endpoint": "a", "offset": -1}, Status.BAD_REQUEST, "offset"),
        ("hash", "CMP", {"rel_endpoint": "a", "hash": "md5:1"}, Status.BAD_REQUEST, f"Expected {HASH} - at `$.hash`"),
        ("short", "PUSH", {"rel_endpoint": "a", "hash": "sha256:" + "a" * 63}, Status.BAD_REQUEST, HASH),
        ("long", "PUSH", {"rel_endpoint": "a", "hash": "sha256:" + "a" * 65}, Status.BAD_REQUEST, HASH),
        ("capitals", "GET", {"rel_endpoint": "a", "if_hash": "sha256:" + "A" * 64}, Status.BAD_REQUEST, HASH),
        ("if_hash", "PUSH", {"rel_endpoint": "a", "if_hash": "Absent"}, Status.BAD_REQUEST, f"`absent`, or {HASH}"),
        ("bad metadata", "CMP", {"rel_endpoint": "a", "meta_data": [["x", 1]]}, Status.BAD_REQUEST, "meta_data"),
        ("leaves the root", "GET", {"rel_endpoint": "../a"}, Status.BAD_ENDPOINT, ".."),
        ("absolute", "GET", {"rel_endpoint": "/etc/passwd"}, Status.BAD_ENDPOINT, "relative"),
        ("NUL", "GET", {"rel_endpoint": "a\0"}, Status.BAD_ENDPOINT, "U+0000"),
        ("reserved", "GET", {"rel_endpoint": ".homeftp/incoming"}, Status.BAD_ENDPOINT, "reserved"),
        ("absent", "GET", {"rel_endpoint": "nothing"}, Status.NOT_FOUND, "nothing"),
    )

    def test_stream_lost(self) -> None:
        """After a line that cannot be understood the connection is closed; another one works."""
        for name, line, fault in self.CLOSING:
            connection = Connection(self.server)
            connection.send_raw(line + b"\n")
            connection.send("HELLO")
            [response] = connection.responses()
            self.assertEqual(response.status, Status.BAD_REQUEST, name)
            self.assertIn(fault, response.message, name)
            self.assertTrue(connection.transport.disconnecting, name)
        self.assertEqual(self.connection.ask("HELLO").status, 0)

    def test_stream_kept(self) -> None:
        """After a well-formed line that asks for the impossible the connection goes on."""
        for name, request_type, body, status, fault in self.GOING_ON:
            response = self.connection.ask(request_type, body)
            self.assertEqual(response.status, status, name)
            self.assertIn(fault, response.message, name)
        self.assertEqual(self.connection.ask("HELLO").status, 0)

    def test_endpoint_in_message_is_escaped(self) -> None:
        """A message shows no raw control character of a name."""
        response = self.connection.ask("GET", {"rel_endpoint": "a\x1b[2Jb"})
        self.assertEqual(response.status, Status.BAD_ENDPOINT)
        self.assertTrue(response.message.isprintable())

    def test_million_digits_ignored(self) -> None:
        """An unknown field may hold what it likes, within the line."""
        self.connection.send_raw(b'{"request_type": "HELLO", "x": ' + b"9" * 15_000 + b"}\n")
        self.assertEqual([r.status for r in self.connection.responses()], [0])

    def test_duplicate_key(self) -> None:
        """Of a key that stands twice the last counts."""
        self.connection.send_raw(b'{"request_type": "FROB", "request_type": "HELLO"}\n')
        self.assertEqual([r.status for r in self.connection.responses()], [0])

    def test_line_limit(self) -> None:
        """A line of 16 KiB is answered; one byte more gets 22 and the connection is closed; CR is tolerated."""
        for ending in (b"\n", b"\r\n"):
            for excess, status in ((0, Status.OK), (1, Status.TOO_LARGE)):
                connection = Connection(self.server)
                head = b'{"request_type": "HELLO", "x": "'
                connection.send_raw(head + b"x" * (MAX_REQUEST_LINE + excess - len(head) - 2) + b'"}' + ending)
                self.assertEqual([r.status for r in connection.responses()], [status], (ending, excess))
                self.assertEqual(connection.transport.disconnecting, bool(excess))

    def test_endless_line(self) -> None:
        """A line without an end is refused at the limit, byte by byte as well."""
        for step in (1, 1000, 65_536):
            connection = Connection(self.server)
            sent = 0
            while sent < 100_000 and not connection.transport.disconnecting:
                connection.send_raw(b"x" * step)
                sent += step
            self.assertEqual([r.status for r in connection.responses()], [Status.TOO_LARGE])
            self.assertLessEqual(sent, max(MAX_REQUEST_LINE + 2 + step, step))

    def test_refused_payload_is_thrown_away(self) -> None:
        """Behind a refused request its payload is no request: the connection goes on after it."""
        for size in (10, SMALL_FILE + 10, 1_000_000):
            self.assertEqual(self.ask_push("../x", b"\n" * size), Status.BAD_ENDPOINT)
            self.assertEqual(self.connection.ask("HELLO").status, 0, size)

    def ask_push(self, endpoint: str, content: bytes) -> int:
        return self.connection.ask("PUSH", {"rel_endpoint": endpoint}, content).status

    def test_excess_is_the_next_line(self) -> None:
        """Bytes beyond content_length are the next line, and an error."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"12345")
        self.connection.send_raw(b"6\n")
        self.assertEqual([r.status for r in self.connection.responses()], [0, Status.BAD_REQUEST])
        self.assertEqual(self.server.read("a"), b"12345")

    def test_log_is_short_and_escaped(self) -> None:
        """A bad line is logged once, in one line without control characters."""
        events: list[str] = []

        @provider(ILogObserver)
        def observer(event: dict[str, object]) -> None:
            events.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.connection.send_raw(b"\x1b[2J\x07evil\r" + b"z" * 5000 + b"\n")
        [event] = [event for event in events if "bad line of 5010 bytes" in event]
        self.assertTrue(event.isprintable())
        self.assertLessEqual(len(event), 400)

    def test_no_secret_in_the_log(self) -> None:
        """A LOGIN that was typed wrong leaves no password in the log. That there is an event is the control."""
        for line in (
            b'{"request_type": "LOGIN", "body": {"username": "ann", "password": "TOPSECRET"},}',
            b"{'request_type': 'LOGIN', 'body': {'username': 'ann', 'password': 'TOPSECRET'}}",
            b'{"request_type": "LOGIN", "id": 1.5, "body": {"username": "ann", "password": "TOPSECRET"}}',
            b'{"request_type": "LOGIN", "content_length": -1, "body": {"password": "TOPSECRET"}}',
            b'{"request_type": "LOGIN", "body": {"username": "ann", "password": ["TOPSECRET"]}}',
            b"LOGIN ann TOPSECRET",
            b"LOGIN ann TOPSECRET" + bytes(MAX_REQUEST_LINE + 10),
        ):
            events: list[str] = []

            @provider(ILogObserver)
            def observer(event: dict[str, object], events: list[str] = events) -> None:
                events.append(formatEvent(event))

            globalLogPublisher.addObserver(observer)
            connection = Connection(self.server)
            connection.send_raw(line + b"\n")
            globalLogPublisher.removeObserver(observer)
            said = " ".join([*events, *(answer.message for answer in connection.responses())])
            self.assertNotEqual(said, "")
            self.assertNotIn("SECRET", said)


class FramingTests(VerbTestCase):
    """The same requests, however the bytes are cut."""

    def test_any_chunking(self) -> None:
        """Requests with payloads give the same answers in pieces of any size."""
        big = bytes(range(256)) * 300
        requests = b""
        for number, content in enumerate((b"", b"small", big)):
            body = {"rel_endpoint": f"f{number}", "hash": digest(content)}
            line = {"request_type": "PUSH", "content_length": len(content), "body": body, "id": number}
            requests += json.dumps(line).encode() + b"\r\n" + content
            requests += json.dumps({"request_type": "CMP", "body": body, "id": f"c{number}"}).encode() + b"\n"
        for size in (1, 7, 100, 4096, len(requests)):
            server = Server.make()
            self.addCleanup(server.close)
            connection = Connection(server)
            for start in range(0, len(requests), size):
                connection.send_raw(requests[start : start + size])
            answered = [(r.id, r.status) for r in connection.responses()]
            self.assertEqual(answered, [(0, 0), ("c0", 10), (1, 0), ("c1", 10), (2, 0), ("c2", 10)], size)

    def test_ids(self) -> None:
        """An id is echoed as it is, and left out where there was none."""
        for id in (7, "seven", None, 0, ""):
            self.connection.send("HELLO", id=id)
            [response] = self.connection.responses()
            self.assertEqual(response.id, id)

    def test_order(self) -> None:
        """A thousand requests without waiting are answered in order, each seeing the effect of those before it."""
        statuses = []
        for number in range(500):
            content = str(number).encode()
            body = {"rel_endpoint": "counter", "mtime_us": number}  # long ago: CMP need not wait for the clock
            self.connection.send("PUSH", body, content, id=2 * number)
            self.connection.send("CMP", {"rel_endpoint": "counter", "hash": digest(content)}, id=2 * number + 1)
            statuses += [0, 10]
        responses = self.connection.responses()
        self.assertEqual([r.id for r in responses], list(range(1000)))
        self.assertEqual([r.status for r in responses], statuses)

    def test_cut_when_resumed(self) -> None:
        """A connection that breaks right after resuming keeps its partial upload, which can be resumed again."""
        content = os.urandom(3 * MIB)
        head = f'{{"request_type": "PUSH", "body": {{"rel_endpoint": "a"}}, "content_length": {len(content) + 1}}}\n'
        for resumed in (False, True):
            server = Server.make()
            self.addCleanup(server.close)
            connection = Connection(server)
            connection.send_raw(head.encode() + content)
            if resumed:
                connection.protocol.pauseProducing()
                connection.protocol.resumeProducing()
            connection.protocol.connectionLost(Failure(ConnectionLost()))
            partial = os.path.join(server.root, ".homeftp", "partial")
            sizes = [
                os.path.getsize(os.path.join(partial, name)) for name in os.listdir(partial) if ".note" not in name
            ]
            self.assertEqual(sizes, [len(content)], f"resumed: {resumed}")
