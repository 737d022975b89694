"""The shell: framing, phases, bad input, pace and deadlines, with the real session and dispatchers."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Callable, Sequence, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer, provider

from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.config import (
    GOODBYE_BYTES,
    KEEPALIVE_SECONDS,
    KIB,
    MAX_REQUEST_LINE,
    MIB,
    MIN_BUFFER,
    READ_BUFFER,
    SMALL_FILE,
    STREAM_PIECE,
    Limits,
)
from homeftp.errors import Busy
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.server.gate.requestmemory import Weight
from homeftp.status import Status
from homeftp.wire.messages import AtEndpoint
from homeftp.workers import InlineWorkers
from homeftp.workers.pool import described
from tests.support import replay
from tests.support.inmemory import PASSWORD, Connection, Server
from tests.support.queuedworkers import QueuedWorkers

T = TypeVar("T")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class ServerTestCase(SynchronousTestCase):
    """A server and a client that has logged in."""

    limits = Limits()

    def setUp(self) -> None:
        self.server = Server.make(limits=self.limits)
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)


class PhaseTests(ServerTestCase):
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

    def test_stranger_with_payload(self) -> None:
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


class BadInputTests(ServerTestCase):
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


class FramingTests(ServerTestCase):
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


class PaceTests(SynchronousTestCase):
    """Memory is bounded whatever the client does."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.server = Server.make(workers=self.workers)
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server, login=False)
        self.connection.send("LOGIN", {"username": "ann", "password": PASSWORD})
        self.work()
        self.assertEqual([response.status for response in self.connection.responses()], [0])

    def work(self) -> None:
        while self.workers.work():
            pass

    def test_in_flight(self) -> None:
        """At 64 requests in flight the server reads no more, and goes on when one is answered."""
        for number in range(100):
            self.connection.send("CMP", {"rel_endpoint": f"f{number}"})
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertEqual(len(self.connection.protocol._pipeline), 64)
        self.work()
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(len(self.connection.responses()), 100)

    def test_small_payloads(self) -> None:
        """A mebibyte of payloads that wait is enough: the server reads no more."""
        for number in range(40):
            self.connection.send("PUSH", {"rel_endpoint": f"f{number}"}, bytes(SMALL_FILE))
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLessEqual(self.connection.protocol._share.weight.payload, 1024 * 1024)
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0] * 40)

    def wait_behind_get(self, connections: Sequence[Connection], size: int, pushes: int = 20) -> None:
        """Each client asks for a file and does not read it, and sends payloads that have to wait for that."""
        self.server.put("big", bytes(MIB))
        for connection in connections:
            connection.protocol._output.pauseProducing()
            connection.send("GET", {"rel_endpoint": "big"})
            self.work()
            for _ in range(pushes):
                connection.send("PUSH", {"rel_endpoint": "big"}, bytes(size))

    def waiting(self, connection: Connection) -> tuple[int, int]:
        """How many payloads wait for a path, and the bytes that they hold."""
        payloads = [exchange._payload for exchange in connection.protocol._pipeline._waiting]
        return len(payloads), sum(payload._held for payload in payloads if isinstance(payload, IncomingPayload))

    def test_arrived_payloads(self) -> None:
        """A mebibyte of large payloads that have arrived and wait is enough too: the server reads no more meanwhile."""
        size = 250_000
        self.wait_behind_get([self.connection], size)
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertEqual(self.waiting(self.connection), (5, 5 * size))
        self.assertGreater(5 * size, MIB)
        self.connection.protocol._output.resumeProducing()
        self.work()
        answers = [(response.status, response.more) for response in self.connection.responses()]
        self.assertEqual(answers, [(0, True), (0, False), *[(0, False)] * 20])
        self.assertEqual(self.server.services.budget.streams, 0)

    def test_many_with_arrived_payloads(self) -> None:
        """The more clients do that, the less of each is held; when they are gone, nothing is."""
        size = 250_000
        connections = [self.connection, *(Connection(self.server, login=False) for _ in range(19))]
        for connection in connections[1:]:
            connection.enter(self.server.account("ann"))
        self.wait_behind_get(connections, size, pushes=4)
        held = [self.waiting(connection)[1] for connection in connections]
        self.assertEqual(held[0], 4 * size, "the control")
        self.assertLess(held[-1], 2 * size)
        self.assertLess(sum(held), self.server.services.limits.request_memory)
        for connection in connections:
            connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.work()
        self.assertEqual(self.server.services.budget.streams, 0)
        self.assertEqual(self.server.json.memory.held, 0)

    def test_buffers(self) -> None:
        """The more connections there are, the less each reads and writes at once; twice as much of a large payload."""
        memory, transport = self.server.json.memory, self.connection.protocol.transport
        head = b'{"request_type": "PUSH", "body": {"rel_endpoint": "f"}, "content_length": 1000000}\n'
        for others, size in ((0, READ_BUFFER), (199, MIN_BUFFER), (0, READ_BUFFER)):
            shares = [memory.share() for _ in range(others)]
            self.connection.send("HELLO")
            self.assertEqual(transport.bufferSize, size)
            self.assertEqual(self.connection.protocol._output.slice, size)
            self.connection.send_raw(head)
            self.assertEqual(transport.bufferSize, 2 * size)
            self.connection.send_raw(bytes(1_000_000))
            self.work()
            self.assertEqual(transport.bufferSize, size)
            for share in shares:
                share.close()
        self.connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(memory.connections, 0)

    def leave_little(self, left: int = 320 * KIB) -> None:
        """Another client of the account holds so much that the account may hold `left` bytes more."""
        memory = self.server.json.memory
        share = memory.share()
        share.log_in("ann")
        share.change(Weight(), Weight(held=memory.most("ann") - left))
        self.addCleanup(share.change, share.weight, Weight())

    def test_window_without_memory(self) -> None:
        """64 requests with a MiB of payloads are read from a client that does not read; those beyond its share get 51.

        So neither end waits for the other, and the client can send the refused ones again.
        """
        self.leave_little()
        self.wait_behind_get([self.connection], 16_000, pushes=62)
        self.assertEqual(self.connection.transport.producerState, "producing")
        memory = self.server.json.memory
        self.assertLess(memory.held, memory.limits.request_memory)
        self.connection.send("CMP", {"rel_endpoint": "big"})
        self.assertEqual(self.connection.transport.producerState, "paused", "the control: a 64th is the last")
        self.connection.protocol._output.resumeProducing()
        self.work()
        _, _, *answers = self.connection.responses()
        accepted = [response.status for response in answers].index(Status.BUSY)
        self.assertGreater(accepted, 1)
        self.assertEqual([response.status for response in answers], accepted * [0] + (63 - accepted) * [Status.BUSY])
        self.assertIn("send this request again", answers[-1].message)
        refused = [line for line in replay.lines(self.server.folder) if line["event"] == "refused"]
        told = [response for response in answers[:-1] if response.status == Status.BUSY]
        self.assertEqual([(line["request"], line["status"]) for line in refused], [("PUSH", Status.BUSY)] * len(told))
        self.assertEqual(self.connection.ask("HELLO").status, 0)

    def test_reading_client_without_memory(self) -> None:
        """A client that reads its answers has nothing refused: it only waits until the server has done its work."""
        self.leave_little()
        for number in range(62):
            self.connection.send("PUSH", {"rel_endpoint": f"f{number}"}, bytes(16_000))
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLess(len(self.connection.protocol._pipeline), 15, "the control: the others wait")
        self.work()
        self.assertEqual([response.status for response in self.connection.responses()], [0] * 62)

    def test_client_that_stops_reading(self) -> None:
        """A client that has to wait while it still reads, and then does not read any more, need not wait any more."""
        self.leave_little(1200 * KIB)
        for _ in range(60):
            self.connection.send("PUSH", {"rel_endpoint": "big"}, b"x")
        self.assertEqual(self.connection.transport.producerState, "paused", "the control")
        self.assertGreater(len(self.connection.protocol._pipeline), 32, "the control: at half of this limit it goes on")
        self.connection.protocol._output.pauseProducing()
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(len(self.connection.protocol._pipeline), 60)
        self.connection.protocol._output.resumeProducing()
        self.work()
        self.assertEqual(len(self.connection.responses()), 60)

    def test_long_ids(self) -> None:
        """A refused request keeps its id, which may be long: at some point the server stops reading after all."""
        self.leave_little()
        self.connection.protocol._output.pauseProducing()
        for number in range(60):
            self.connection.send("CMP", {"rel_endpoint": "f"}, id=f"{number:10000}")
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.assertLess(len(self.connection.protocol._pipeline), 30)
        self.connection.protocol._output.resumeProducing()
        self.work()
        self.assertEqual(len(self.connection.responses()), 60)

    def test_answers_without_memory(self) -> None:
        """GETs of small files begin as long as there is memory for their answers, the first in any case."""
        for share in (False, True):
            if share:
                self.leave_little()
            for _ in range(10):
                self.connection.send("GET", {"rel_endpoint": "big"})
            waiting = len(self.connection.protocol._pipeline._waiting)
            self.assertEqual(waiting > 5, share, "the control is without others")
            self.work()
            self.assertEqual(len(self.connection.responses()), 10)

    def test_large_payload(self) -> None:
        """A large payload is read only as fast as the disk takes it."""
        size = 10_000_000
        line = {"request_type": "PUSH", "content_length": size, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n")
        sent = 0
        for _ in range(10_000):
            if self.connection.transport.producerState == "paused":
                self.assertLessEqual(sent, size)
                if not self.workers.work():
                    self.fail("paused with nothing to do")
            elif sent < size:
                step = min(16_384, size - sent)
                self.connection.send_raw(bytes(step))
                sent += step
            elif not self.workers.work():
                break
            stream = self.connection.protocol._stream
            self.assertLessEqual(0 if stream is None else stream._held, STREAM_PIECE + 16_384)
        self.assertEqual([r.status for r in self.connection.responses()], [0])
        self.assertEqual(os.path.getsize(os.path.join(self.server.root, "big")), size)

    def test_closing(self) -> None:
        """While a connection that is to be closed still works, it reads no more; then it reads the client's goodbye."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.assertEqual(self.connection.transport.producerState, "producing", "the control")
        self.connection.send("QUIT")
        self.connection.send_raw(b"no request\n")
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0, 0])
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.connection.transport.producerState, "producing")

    def test_payload_behind_the_end(self) -> None:
        """A large payload that still arrives when the session ends takes no more part in the common memory."""
        self.server.put("slow", bytes(100_000))
        self.connection.send("GET", {"rel_endpoint": "slow"})
        self.connection.send("QUIT")
        line = {"request_type": "PUSH", "content_length": 10_000_000, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(1000))
        self.assertEqual(self.server.services.budget.streams, 1, "the control")
        self.work()
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.server.services.budget.streams, 0)

    def test_unread_answers(self) -> None:
        """While the client does not read, at most 64 answers wait, and the server reads no more."""
        self.connection.protocol._output.pauseProducing()
        for number in range(200):
            self.connection.send("HELLO", id=number)
        self.assertEqual(self.connection.responses(), [])
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.connection.protocol._output.resumeProducing()
        self.assertEqual([r.id for r in self.connection.responses()], list(range(200)))

    def test_client_vanishes(self) -> None:
        """When the client goes in the middle of a PUSH, nothing of it stays, and nothing is replaced."""
        self.server.put("big", b"old")
        line = {"request_type": "PUSH", "content_length": 10_000_000, "body": {"rel_endpoint": "big"}}
        self.connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(3_000_000))
        self.work()
        self.connection.protocol.connectionLost(Failure(ConnectionDone()))
        self.work()
        self.assertTrue(self.connection.ended)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])
        self.assertEqual(self.server.read("big"), b"old")
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def begin_get(self) -> bytes:
        """A GET of a large file of which a part has been sent; gives that part."""
        self.connection.responses()
        self.server.put("big", bytes(3_000_000))
        self.connection.send("GET", {"rel_endpoint": "big"})
        for _ in range(3):
            self.workers.work()
        sent: bytes = self.connection.transport.value()
        self.assertLess(len(sent), 2_000_000)
        self.assertGreater(len(sent), 1000)
        return sent

    def test_no_keepalive_in_payload(self) -> None:
        """No sign of life comes between the bytes of a payload, however long the next ones take."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.begin_get()
        self.connection.transport.clear()
        self.server.clock.pump([1] * 4 * KEEPALIVE_SECONDS)
        self.assertEqual(self.connection.transport.value(), b"")
        self.work()
        self.connection.send("CMP", {"rel_endpoint": "big"})
        self.connection.transport.clear()
        self.server.clock.pump([1] * 4 * KEEPALIVE_SECONDS)
        self.assertIn(b"\n", self.connection.transport.value(), "the control: nor is that answered")

    def test_unread_gets(self) -> None:
        """Nothing of a large file is read before its turn to be sent has come."""
        for number in range(10):
            self.server.put(f"big{number}", bytes(3_000_000))
            self.connection.send("GET", {"rel_endpoint": f"big{number}"})
        self.connection.responses()
        self.connection.protocol._output.pauseProducing()

        def pieces() -> int:
            return sum("read_piece" in described(job.call, job.args) for job in self.workers.jobs)

        read = 0
        for _ in range(20):
            read += pieces()
            self.workers.work()
        self.assertLessEqual(read, 2)
        self.connection.protocol._output.resumeProducing()
        while self.workers.jobs:
            read += pieces()
            self.workers.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0] * 20)
        self.assertGreater(read, 20, "the test does not see what is read")

    def test_file_gets_shorter(self) -> None:
        """A file that gets shorter while it is sent breaks the connection: no padding, no line in its place."""
        self.begin_get()
        os.truncate(os.path.join(self.server.root, "big"), 2_000_000)
        self.work()
        self.assertTrue(self.connection.transport.aborted)
        _, _, content = self.connection.transport.value().partition(b"\n")
        self.assertEqual(content, bytes(len(content)))
        self.assertLessEqual(len(content), 2_000_000)

    def test_file_changes(self) -> None:
        """A file that changes while it is sent is given the verdict 44; one that does not, 0."""
        for change, status in ((False, Status.OK), (True, Status.CHANGED)):
            self.begin_get()
            if change:
                with open(os.path.join(self.server.root, "big"), "r+b") as file:
                    file.seek(2_900_000)
                    file.write(b"new")
            self.work()
            self.assertEqual([r.status for r in self.connection.responses()], [Status.OK, status])
            self.assertFalse(self.connection.transport.aborted)

    def test_file_changes_unseen(self) -> None:
        """Nor does it help to set its time back, as programs do that copy over a file; a new name is no change."""
        for change, status in ((False, Status.OK), (True, Status.CHANGED)):
            self.begin_get()
            path = os.path.join(self.server.root, "big")
            before = os.stat(path)
            if change:
                with open(path, "r+b") as file:
                    for place in (0, 2_900_000):  # of which the first has been sent
                        file.seek(place)
                        file.write(b"new")
            else:
                os.link(path, path + ".link")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self.work()
            *_, verdict = self.connection.responses()
            self.assertEqual(verdict.status, status)
            if not change:
                self.assertIn("hash", verdict.body)

    def test_stop(self) -> None:
        """A stopping server finishes what is in flight, refuses what comes, and closes."""
        self.connection.send("PUSH", {"rel_endpoint": "a"}, b"x")
        self.connection.protocol.stop()
        self.assertFalse(self.connection.transport.disconnecting)
        self.connection.send("PUSH", {"rel_endpoint": "b"}, b"x")
        self.work()
        self.assertEqual([r.status for r in self.connection.responses()], [0, Status.SHUTTING_DOWN])
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(sorted(os.listdir(self.server.root)), [".homeftp", "a"])

    def test_stop_idle(self) -> None:
        """A connection with nothing in flight is closed at once."""
        self.connection.protocol.stop()
        self.assertTrue(self.connection.transport.disconnecting)


class DeadlineTests(SynchronousTestCase):
    """How long a client may take."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.clock = self.server.clock

    def test_no_tls(self) -> None:
        """Ten seconds for TLS, whatever trickles in."""
        connection = Connection(self.server, tls=False)
        for _ in range(9):
            connection.send_raw(b"x")
            self.clock.advance(1)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(connection.transport.aborted)

    def test_no_login(self) -> None:
        """Thirty seconds for a login."""
        connection = Connection(self.server, login=False)
        self.clock.advance(29.9)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(connection.transport.aborted)

    def test_member_may_idle(self) -> None:
        """A client that has logged in may be silent."""
        connection = Connection(self.server)
        self.clock.advance(100_000)
        self.assertFalse(connection.transport.aborted)
        self.assertEqual(connection.ask("HELLO").status, 0)

    def test_stalled_bodies(self) -> None:
        """A payload that stalls for 60 seconds is answered 53, nothing of it stays, and the connection is closed."""
        for size in (1000, 1_000_000):
            connection = Connection(self.server)
            line = {"request_type": "PUSH", "id": 5, "content_length": size, "body": {"rel_endpoint": "a"}}
            connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(size // 2))
            self.clock.advance(59)
            self.assertEqual(connection.responses(), [])
            self.clock.advance(1)
            [response] = connection.responses()
            self.assertEqual((response.status, response.id), (Status.TIMEOUT, 5), size)
            self.assertTrue(connection.transport.disconnecting)
            self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])
            self.assertFalse(os.path.exists(os.path.join(self.server.root, "a")))

    def test_refused_without_end(self) -> None:
        """A refused request's payload is read to its declared end, however far off; when it stalls, 53 and closed."""
        connection = Connection(self.server)
        line = {"request_type": "PUSH", "id": 5, "content_length": 2**63 - 1, "body": {"rel_endpoint": "../a"}}
        connection.send_raw(json.dumps(line).encode() + b"\n")
        self.assertEqual([(r.status, r.id) for r in connection.responses()], [(Status.BAD_ENDPOINT, 5)])
        for _ in range(100):
            connection.send_raw(b'{"request_type": "HELLO"}\n' * 2000)
            self.clock.advance(30)
        self.assertEqual(connection.responses(), [], "nothing in it is a request")
        self.assertFalse(connection.transport.disconnecting)
        self.clock.advance(60)
        self.clock.advance(60)
        self.assertEqual([(r.status, r.id) for r in connection.responses()], [(Status.TIMEOUT, None)])
        self.assertTrue(connection.transport.disconnecting)

    def test_stalled_line(self) -> None:
        """Half a line is a stall too."""
        connection = Connection(self.server)
        connection.send_raw(b'{"request')
        self.clock.advance(60)
        self.assertEqual([r.status for r in connection.responses()], [Status.TIMEOUT])
        self.assertTrue(connection.transport.disconnecting)

    def test_finished_in_time(self) -> None:
        """The control: the same payload, ended after 59 seconds, is stored."""
        connection = Connection(self.server)
        line = {"request_type": "PUSH", "content_length": 1000, "body": {"rel_endpoint": "a"}}
        connection.send_raw(json.dumps(line).encode() + b"\n" + bytes(500))
        self.clock.advance(59)
        connection.send_raw(bytes(500))
        self.clock.advance(1000)
        self.assertEqual([r.status for r in connection.responses()], [0])
        self.assertFalse(connection.transport.disconnecting)

    def test_unread_answers(self) -> None:
        """The connection of a client that reads nothing for 60 seconds is aborted."""
        connection = Connection(self.server)
        connection.protocol._output.pauseProducing()
        self.clock.advance(59)
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(connection.transport.aborted)

    def test_sending_after_goodbye(self) -> None:
        """The connection of a peer that continues to send after the close is aborted after about a mebibyte."""
        cut: list[str] = []

        @provider(ILogObserver)
        def observer(event: dict[str, object]) -> None:
            cut.extend(line for line in [formatEvent(event)] if "after the last answer" in line)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for piece in (bytes(16_384), b"\n" * 16_384, b'{"request_type": "HELLO"}\n' * 600, b"x" * 1000):
            connection = Connection(self.server)
            connection.send_raw(b"x" * 20_000)
            self.assertEqual([r.status for r in connection.responses()], [Status.TOO_LARGE])
            for _ in range(GOODBYE_BYTES // len(piece)):
                connection.send_raw(piece)
            self.assertFalse(connection.transport.aborted, "the control: what was on its way is let come")
            for _ in range(20):  # of what has been read already, Twisted hands on the rest
                connection.send_raw(piece)
            self.assertTrue(connection.transport.aborted, piece[:30])
            self.assertEqual(connection.responses(), [])
            self.assertEqual(len(cut), 1, "it is logged once")
            cut.clear()

    def test_member_may_send(self) -> None:
        """The control: as much is taken in where there was no goodbye."""
        connection = Connection(self.server)
        request = b'{"request_type": "HELLO"}'.ljust(1023) + b"\n"
        for _ in range(GOODBYE_BYTES // 16_384 + 2):
            connection.send_raw(request * 16)
        self.assertEqual({r.status for r in connection.responses()}, {Status.OK})
        self.assertFalse(connection.transport.aborted)

    def test_goodbye_unheard(self) -> None:
        """The connection of a peer that does not close its end is aborted after a while."""
        connection = Connection(self.server)
        connection.send("QUIT")
        self.assertFalse(connection.transport.aborted)
        self.clock.advance(10)
        self.assertTrue(connection.transport.aborted)


@implementer(IDispatcher, IPathLocking)
class _Working:
    """Works on its request until the test says that it is done."""

    request_type = "WORK"
    body_type = AtEndpoint

    def __init__(self) -> None:
        self.working: Deferred[None] = Deferred()

    def path_lock(self, body: AtEndpoint) -> PathLock:
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        await self.working
        resolution.resolve(0, "done")


class KeepAliveTests(SynchronousTestCase):
    """The server shows that it works, by empty lines, to those who asked for that."""

    def setUp(self) -> None:
        self.dispatcher = _Working()
        self.server = Server.make(extra=[self.dispatcher])
        self.addCleanup(self.server.close)
        self.connection = Connection(self.server)

    def wait(self, seconds: int) -> bytes:
        """What it sends within so many seconds."""
        self.server.clock.pump([1] * seconds)
        said: bytes = self.connection.transport.value()
        self.connection.transport.clear()
        return said

    def test_shown(self) -> None:
        """While it works there is a line every 15 to 30 seconds, and none while nothing is asked."""
        answer = self.connection.ask("HELLO", {"keepalive": True})
        self.assertEqual(answer.body["keepalive"], KEEPALIVE_SECONDS)
        self.assertEqual(self.wait(1000), b"")
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.assertIn(self.wait(20 * KEEPALIVE_SECONDS), (b"\n" * 19, b"\n" * 20))
        self.dispatcher.working.callback(None)
        self.assertEqual([response.message for response in self.connection.responses()], ["done"])
        self.assertEqual(self.wait(1000), b"")

    def test_not_asked(self) -> None:
        """The control: nothing comes to a client that did not ask for it, and HELLO does not mention it."""
        self.assertNotIn("keepalive", self.connection.ask("HELLO").body)
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.assertEqual(self.wait(1000), b"")

    def test_not_read(self) -> None:
        """A client that does not read gets none; the control is that it gets some as soon as it reads."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.connection.send("WORK", {"rel_endpoint": "a"})
        self.connection.protocol._output.pauseProducing()
        self.assertEqual(self.wait(3 * KEEPALIVE_SECONDS), b"")
        self.connection.protocol._output.resumeProducing()
        self.assertIn(b"\n", self.wait(2 * KEEPALIVE_SECONDS))

    def test_ended(self) -> None:
        """A connection that has ended leaves nothing on the clock."""
        self.connection.ask("HELLO", {"keepalive": True})
        self.connection.protocol.connectionLost()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
