"""Attacks on the HTTPS front end of a server in a process of its own: each is refused, and the server serves on."""

from __future__ import annotations

import base64
import contextlib
import ssl
import time
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support.waiting import wait_until
from tests.support.webserver import AUTHORIZATION, WebServer, received, request, statuses

SMUGGLED = b"GET /dav/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /dav/a HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION


class AttackCase(SynchronousTestCase):
    """A server, and an honest client at the end."""

    options: Sequence[str] = ()

    def setUp(self) -> None:
        self.server = WebServer(*self.options)
        self.addCleanup(self.server.end)
        with open(self.server.path("honest"), "wb") as file:
            file.write(b"honest")
        self.addCleanup(self.check)

    def check(self) -> None:
        """An honest client is served as before, and nothing is in the log but lines."""
        answer = self.server.ask(request("GET", "/dav/honest"))
        self.assertTrue(answer.endswith(b"honest"), answer)
        self.assertNotIn("Traceback", self.server.output())


class SmugglingTests(AttackCase):
    """Requests that a proxy on the way and the server could divide in different ways."""

    def test_smuggling(self) -> None:
        """Nothing behind such a request is taken for a request."""
        for framing, body in (
            (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", b"0\r\n\r\n"),
            (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"hello"),
            (b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", b"hello"),
            (b"Content-Length: 5, 5\r\n\r\n", b"hello"),
            (b"Content-Length: 0x5\r\n\r\n", b"hello"),
            (b"Content-Length: -5\r\n\r\n", b"hello"),
            (b"Content-Length : 5\r\n\r\n", b"hello"),
            (b"Transfer-Encoding: xchunked\r\n\r\n", b"0\r\n\r\n"),
            (b"Transfer-Encoding: chunked, identity\r\n\r\n", b"0\r\n\r\n"),
            (b"Transfer-Encoding:\x0bchunked\r\n\r\n", b"0\r\n\r\n"),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
            (b"X: y\nContent-Length: 5\r\n\r\n", b"hello"),
            (b"X: y\rContent-Length: 5\r\n\r\n", b"hello"),
            (b"X: y\r\n Content-Length: 5\r\n\r\n", b"hello"),
            (b"Content-Length: 5\n\n", b"hello"),
            (b"X: \x00\r\n\r\n", b""),
        ):
            answer = self.server.ask(PUT + framing + body + SMUGGLED)
            found = statuses(answer)
            self.assertEqual(len(found), 1, (framing, answer))
            self.assertIn(found[0], (400, 501), framing)
        answer = self.server.ask(PUT + b"Content-Length: 5\r\n\r\nhello" + request("GET", "/dav/honest"))
        self.assertEqual(statuses(answer), [201, 200], "the control")

    def test_chunks(self) -> None:
        """Chunks that do not say what they are end the connection, and nothing is stored."""
        for chunks in (
            b"5\nhello\n0\n\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5 5\r\nhello\r\n0\r\n\r\n",
            b"fffffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        ):
            answer = self.server.ask(PUT + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + SMUGGLED)
            self.assertNotIn(201, statuses(answer), chunks[:40])
            self.assertLessEqual(len(statuses(answer)), 1, chunks[:40])


class HeaderTests(AttackCase):
    """Heads and headers that are too much."""

    def test_large(self) -> None:
        """Large heads, many fields, long URLs and long `If` headers are refused."""
        for head, status in (
            (request("GET", "/dav/honest", "X: " + "a" * 65_536), 431),
            (request("GET", "/dav/honest", *(f"X{each}: y" for each in range(200))), 431),
            (request("GET", "/dav/" + "a" * 20_000), 400),
            (request("GET", "/dav/" + "a/" * 5_000), 404),
            (request("PUT", "/dav/x", "If: " + "(<urn:x>)" * 3_000, body=b"x"), 400),
            (request("PUT", "/dav/x", "If: (" + "<urn:x>" * 1_000 + ")", body=b"x"), 400),
            (request("GET", "/dav/honest", "Range: bytes=" + ",".join(["0-1"] * 4_000)), 200),
            (request("GET", "/dav/honest", "If-None-Match: " + '"x", ' * 5_000), 200),
        ):
            began = time.monotonic()
            self.assertEqual(statuses(self.server.ask(head)), [status], head[:60])
            self.assertLess(time.monotonic() - began, 20)

    def test_paths(self) -> None:
        """No path leads out of the shared folder, or to what the server keeps in it."""
        for path in (
            "/dav/../../../etc/passwd",
            "/dav/..%2f..%2fetc/passwd",
            "/dav/%2e%2e/etc/passwd",
            "/dav//etc/passwd",
            "/dav/%00",
            "/dav/a%00b",
            "/dav/.homeftp/clock",
            "/dav/.HOMEFTP/clock",
            "/dav/%2ehomeftp",
            "/dav/a%5c..%5cb",
            "/dav/C:%5cx",
            "/dav/%c0%ae%c0%ae/",
            "\\dav\\a",
            "file:///etc/passwd",
            "/dav/a%0d%0aX-Injected:%20y",
        ):
            for method in ("GET", "PUT", "DELETE", "PROPFIND", "MKCOL"):
                answer = self.server.ask(request(method, path, "Depth: 0", body=b""))
                self.assertIn(statuses(answer)[0], (400, 404), (method, path))
                self.assertNotIn(b"root:", answer)
                self.assertNotIn(b"X-Injected", answer.partition(b"\r\n\r\n")[0])
        moved = request("MOVE", "/dav/honest", "Destination: https://x/dav/../../etc/cron.d/x")
        self.assertEqual(statuses(self.server.ask(moved)), [400])


class XmlTests(AttackCase):
    """XML that is too much."""

    def test_bombs(self) -> None:
        """Entities, depth, size and numbers: each is refused at once."""
        entities = b"".join(b'<!ENTITY e%d "%b">' % (each, b"&e%d;" % (each - 1) * 10) for each in range(1, 10))
        for body, status in (
            (b"<!DOCTYPE x [<!ENTITY e0 'x'>" + entities + b"]><x>&e9;</x>", 400),
            (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', 400),
            (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x"><x/>', 400),
            (b"<a>" * 50_000, 400),
            (b"<a " + b" ".join(b'b%d="c"' % each for each in range(20_000)) + b"/>", 400),
            (b'<propfind xmlns="DAV:"><prop>' + b"<a/>" * 10_000 + b"</prop></propfind>", 400),
            (b'<propfind xmlns="DAV:"><prop>' + b"".join(b"<a%d/>" % each for each in range(3_000)) + b"</prop>", 400),
            (b"<x>" + b"y" * 10_000_000, 413),
        ):
            began = time.monotonic()
            answer = self.server.ask(request("PROPFIND", "/dav/", "Depth: 1", body=body[: 1 << 20]))
            self.assertEqual(statuses(answer), [status], body[:60])
            self.assertLess(time.monotonic() - began, 20)


class SlowTests(AttackCase):
    """Clients that take their time."""

    options = ("--stall-timeout", "2", "--login-timeout", "3")

    def ended(self, connection: ssl.SSLSocket) -> bytes:
        """What the server sends before it ends a connection."""
        connection.settimeout(30)
        return received(connection)

    def test_slow(self) -> None:
        """Heads and bodies that do not go on, and connections without a request, are ended in time."""
        for begun, status in (
            (b"GET /dav/honest HTTP/1.1\r\nX: ", [408]),
            (PUT + b"Content-Length: 1000000\r\n\r\nabc", [408]),
            (PUT + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", [408]),
            (b"", []),
        ):
            connection = self.server.connect()
            self.addCleanup(connection.close)
            connection.sendall(begun)
            self.assertEqual(statuses(self.ended(connection)), status, begun)

    def test_drip(self) -> None:
        """A client that sends a byte now and then does not keep its connection."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.sendall(b"GET /dav/honest HTTP/1.1\r\n")

        def refused() -> bool:
            try:
                connection.sendall(b"X")
            except OSError:
                return True
            return False

        wait_until(refused, every=0.2)

    def test_many(self) -> None:
        """A crowd of idle clients does not keep an honest one out."""
        crowd: list[ssl.SSLSocket] = []
        for _ in range(40):
            with contextlib.suppress(OSError):
                crowd.append(self.server.connect())
        answer = b""

        def served() -> bool:
            nonlocal answer
            try:
                answer = self.server.ask(request("GET", "/dav/honest"))
            except OSError:
                return False
            return answer.endswith(b"honest")

        wait_until(served)
        for each in crowd:
            each.close()


class GuessTests(AttackCase):
    """Passwords that are guessed."""

    def test_throttled(self) -> None:
        """After so many wrong passwords even the right one has to wait; another connection makes no difference."""
        found: list[int] = []
        for number in range(25):
            wrong = b"Authorization: Basic %b\r\n" % base64.b64encode(b"ann:wrong%d" % number)
            found += statuses(self.server.ask(request("GET", "/dav/honest").replace(AUTHORIZATION, wrong)))
        self.assertEqual(found, [401] * 20 + [503] * 5)
        self.assertEqual(statuses(self.server.ask(request("GET", "/dav/honest"))), [503])

    def check(self) -> None:
        """The address has to wait."""
        self.assertNotIn("Traceback", self.server.output())
