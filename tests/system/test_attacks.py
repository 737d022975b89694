"""Attacks by unauthenticated clients and men in the middle: real sockets, real TLS, every split of the bytes.

The clients' side of the same attacks is in tests/system/test_attacks_on_client.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import time
from typing import Any, Callable

import attrs
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from homeftp.config import Limits
from homeftp.crypto.ca import open_identity
from homeftp.crypto.tls import server_options
from homeftp.host import now
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.json import frontend as factory
from homeftp.server.json.frontend import ServerFactory
from homeftp.server.json.protocol import ServerProtocol
from tests.support.inmemory import PASSWORD, Server
from tests.support.processes import PASSWORD as PROCESS_PASSWORD
from tests.support.processes import WITHIN, ServerProcess
from tests.support.rawclient import RawClient, context
from tests.support.tlsconnections import over_tls
from tests.support.waiting import pause, wait_until

STARTTLS = b'{"request_type": "STARTTLS"}'


def requests(*pairs: tuple[str, dict[str, object]], ending: bytes = b"\n") -> bytes:
    return b"".join(json.dumps({"request_type": kind, "body": body}).encode() + ending for kind, body in pairs)


MANY = 1000
LIMITS = Limits(connections=MANY, connections_per_address=MANY, unauthenticated=MANY, unauthenticated_per_address=MANY)
"""What is attacked here is not the number of connections."""


class LeakyProtocol(ServerProtocol):
    """The control: a server that leaves its line buffer alone at STARTTLS, as many have, and takes it for TLS's."""

    def clearLineBuffer(self) -> bytes:
        return b""

    def rawDataReceived(self, data: bytes) -> None:
        self.handshakeCompleted()  # without this the sans-IO connection stops it: plaintext in the handshake
        super().rawDataReceived(data)


class InjectionTests(TestCase):
    """Plaintext that a man in the middle puts behind the client's STARTTLS (CVE-2011-0411)."""

    timeout = 300

    def setUp(self) -> None:
        self.server = Server.make(limits=LIMITS)
        state = tempfile.mkdtemp(dir=os.getcwd())
        options = RenewableOptions("1.3", server_options)
        options.renew(open_identity(state, now=now))
        self.ca_file = os.path.join(state, "identity", "ca.crt")
        context = attrs.evolve(self.server.services, reactor=reactor, tls=options)
        listener = ServerFactory(attrs.evolve(self.server.json, server=context), False)
        listening: Any = reactor.listenTCP(0, listener, interface="127.0.0.1")  # type: ignore[arg-type]
        self.port = listening
        self.number: int = self.port.getHost().port
        self.connections = context.connections

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.port.stopListening()
        self.connections.abort()
        while len(self.connections):
            await deferToThread(pause, 0.01)
        self.server.close()

    def injected(self, ending: bytes) -> bytes:
        """A login and a directory, which would be seen on the disk."""
        return requests(
            ("LOGIN", {"username": "ann", "password": PASSWORD}),
            ("PUSH", {"rel_endpoint": "injected", "kind": "directory"}),
            ending=ending,
        )

    def attack(self, data: bytes, split: int, gap: float) -> None:
        """In a thread: send `data` in two segments, then go through with TLS as the victim would."""
        with socket.create_connection(("127.0.0.1", self.number), WITHIN) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(WITHIN)
            try:
                plain.sendall(data[:split])
                pause(gap)
                plain.sendall(data[split:])
                plain.recv(1000)
                with over_tls(context(self.ca_file), plain) as secure:
                    secure.sendall(requests(("HELLO", {})))
                    secure.recv(1000)
            except (OSError, ssl.SSLError):
                pass  # the server has hung up, as it should

    def executed(self) -> bool:
        path = os.path.join(self.server.root, "injected")
        if os.path.isdir(path):
            os.rmdir(path)
            return True
        return False

    async def test_every_split(self) -> None:
        """However the segments are cut, no plaintext request is executed."""
        attacks = 0
        for ending in (b"\n", b"\r\n"):
            data = STARTTLS + ending + self.injected(ending)
            for gap in (0.0, 0.002):
                for split in range(0, len(STARTTLS) + len(ending) + 12):
                    await deferToThread(self.attack, data, split, gap)
                    self.assertFalse(self.executed(), (ending, gap, split))
                    attacks += 1
        self.assertGreaterEqual(attacks, 132)

    async def test_control(self) -> None:
        """The same attack succeeds against a server that keeps its line buffer."""
        self.patch(factory, "ServerProtocol", LeakyProtocol)
        await deferToThread(self.attack, STARTTLS + b"\n" + self.injected(b"\n"), 0, 0.0)
        self.assertTrue(self.executed())

    async def test_honest(self) -> None:
        """And without injected bytes a client is served."""

        def honest() -> object:
            with RawClient(self.number, self.ca_file) as client:
                return client.start_tls().ask("HELLO")[0]["status"]

        self.assertEqual(await deferToThread(honest), 0)


class UnauthenticatedTests(TestCase):
    """A server process, and clients that have not logged in."""

    def setUp(self) -> None:
        # Without the server's own reading of all files.
        self.server = ServerProcess("--listen-tls", "tcp:0:interface=127.0.0.1", "--scrub-days", "0")
        self.addCleanup(self.server.end)

    def say(self, data: bytes) -> bytes:
        """Send bytes in plaintext; gives all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.ports[0]), WITHIN) as plain:
            plain.sendall(data)
            answer = b""
            try:
                while part := plain.recv(1 << 16):
                    answer += part
            except ConnectionResetError:
                pass
            return answer

    def served(self) -> None:
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("ann", PROCESS_PASSWORD)
            self.assertEqual(client.ask("HELLO")[0]["status"], 0)

    def test_other_protocols(self) -> None:
        """A web page that makes a browser post our lines gets one refusal, and nothing more is looked at."""
        post = b"POST / HTTP/1.1\r\nHost: nas:8421\r\nContent-Length: 500\r\n\r\n" + STARTTLS + b"\n"
        for data in (post, b"GET / HTTP/1.0\r\n\r\n", b"EHLO x\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"):
            lines = self.say(data).splitlines()
            self.assertEqual(len(lines), 1)
            self.assertEqual(json.loads(lines[0])["status"], 30)
        self.served()

    def test_alpn(self) -> None:
        """A client that offers other protocols than ours is refused in the handshake; one that offers none is not."""
        for offered, accepted in (
            (["http/1.1"], False),
            (["h2", "homeftp/2"], False),
            (["homeftp/1"], True),
            ([], True),
        ):
            offering = context(self.server.ca_file, alpn=offered)
            with socket.create_connection(("127.0.0.1", self.server.ports[1]), WITHIN) as plain:
                try:
                    with over_tls(offering, plain) as secure:
                        secure.sendall(requests(("HELLO", {})))
                        answer = secure.recv(1000)
                except ssl.SSLError as error:
                    answer = b""
                    self.assertIn("no application protocol", str(error).lower())
                self.assertEqual(b'"status":0' in answer, accepted, offered)
        self.assertNotIn("Traceback", self.server.output())

    def test_old_tls(self) -> None:
        """TLS 1.2 is refused unless the owner opts down; 1.3 is the control."""
        for maximum, accepted in ((ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)):
            offering = context(self.server.ca_file)
            offering.maximum_version = maximum
            with socket.create_connection(("127.0.0.1", self.server.ports[1]), WITHIN) as plain:
                try:
                    with over_tls(offering, plain):
                        shaken = True
                except (ssl.SSLError, ConnectionResetError):
                    shaken = False
            self.assertEqual(shaken, accepted, maximum)

    def test_no_file_is_touched_before_tls(self) -> None:
        """No request before TLS makes the server touch a file; a GET after login does."""
        trace = os.path.join(self.server.folder, "trace")
        command = ["strace", "-f", "-e", "trace=%file", "-o", trace, "-p", str(self.server.process.pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            self.assertIn("attached", attached)
            verbs = ("GET", "CMP", "PUSH", "LOGIN", "HELLO", "FROB", "QUIT")

            def touched() -> list[str]:
                """The calls about files that all requests together cause, or that the server makes at the same time."""
                before = os.path.getsize(trace)
                for verb in verbs:
                    self.assertIn(b'"status":30', self.say(requests((verb, {"rel_endpoint": "a"}))))
                with open(trace) as file:
                    file.seek(before)
                    return re.findall(r"\w+\(.*", file.read())

            # The server itself looks after the shared folder every few seconds; what requests cause comes each time.
            self.assertIn([], (touched() for _ in range(20)))
            with RawClient(self.server.ports[0], self.server.ca_file) as client:
                client.start_tls().login("ann", PROCESS_PASSWORD)
                client.ask("GET", {"rel_endpoint": "a"})
        finally:
            tracer.terminate()
            tracer.communicate()
        with open(trace) as file:
            self.assertRegex(file.read(), r"\w+\(")


class BrokenOffTests(TestCase):
    """Connections that end in the middle."""

    def setUp(self) -> None:
        # A hundred logins: passwords that are kept in memory are checked at once.
        quick = ("--auth", f"memory:ann:{PROCESS_PASSWORD}")
        self.server = ServerProcess(*quick, "--max-connections-per-address", "200")
        self.addCleanup(self.server.end)
        with open(self.server.path("a"), "wb") as file:
            file.write(b"old")

    def push(self, content: bytes, offset: int, leave: Callable[[RawClient], object]) -> None:
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("ann", PROCESS_PASSWORD)
            line = {"request_type": "PUSH", "content_length": len(content), "body": {"rel_endpoint": "a"}}
            client.socket.sendall(json.dumps(line).encode() + b"\n" + content[:offset])
            leave(client)

    def left(self) -> list[str]:
        return os.listdir(os.path.join(self.server.root, ".homeftp", "incoming"))

    def left_at_last(self) -> list[str]:
        """What is left once nothing has come and gone for a second: the last ones may not even have begun."""
        deadline = time.monotonic() + WITHIN
        quiet = time.monotonic()
        while time.monotonic() < min(deadline, quiet + 1):
            if self.left():
                quiet = time.monotonic()
            pause(0.02)
        return self.left()

    def test_cut_bodies(self) -> None:
        """A PUSH whose connection ends early, with or without TLS's goodbye, leaves the old content and no trace."""
        content = bytes(300_000)

        def reset(client: RawClient) -> None:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        def goodbye(client: RawClient) -> None:
            client.socket.settimeout(0.2)
            with contextlib.suppress(OSError, ssl.SSLError):
                client.socket.unwrap()  # type: ignore[attr-defined]

        leaves: tuple[Callable[[RawClient], object], ...] = (lambda client: None, reset, goodbye)
        for number in range(100):
            offset = number * (len(content) - 1) // 99
            self.push(content, offset, leaves[number % 3])
        self.assertEqual(self.left_at_last(), [])
        with open(self.server.path("a"), "rb") as file:
            self.assertEqual(file.read(), b"old")

    def test_control(self) -> None:
        """The whole body is stored."""
        content = bytes(300_000)
        self.push(content, len(content), lambda client: client.response())
        with open(self.server.path("a"), "rb") as file:
            self.assertEqual(file.read(), content)


class FloodTests(TestCase):
    """More connections than the limits allow."""

    def test_caps(self) -> None:
        """A connection over the cap gets a message and is closed; when others end, the next one is served."""
        server = ServerProcess("--max-connections", "3")
        self.addCleanup(server.end)
        held = [RawClient(server.ports[0], server.ca_file) for _ in range(3)]
        try:
            for one in held:
                one.start_tls().login("ann", PROCESS_PASSWORD)
            with socket.create_connection(("127.0.0.1", server.ports[0]), WITHIN) as late:
                answer = late.recv(1000)
                self.assertEqual(json.loads(answer)["status"], 51)
        finally:
            for one in held:
                one.socket.close()
        wait_until(lambda: self.served(server), lambda: "no client was served after the flood")

    def served(self, server: ServerProcess) -> bool:
        with contextlib.suppress(AssertionError, ConnectionError), RawClient(server.ports[0], server.ca_file) as client:
            client.start_tls().login("ann", PROCESS_PASSWORD)
            return True
        return False
