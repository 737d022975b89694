"""A thousand clients that never get to the point, and an honest one that is served all the same."""

from __future__ import annotations

import contextlib
import errno
import resource
import selectors
import socket
import ssl
import threading
import time
from typing import Iterator, Sequence

import attrs
from twisted.trial.unittest import TestCase

from homeftp.config import Limits
from homeftp.server.gate.connections import LOGIN_GRACE
from tests.support import needs
from tests.support.processes import PASSWORD, WITHIN, ServerProcess
from tests.support.rawclient import RawClient
from tests.support.waiting import pause, wait_until
from tests.system.test_server_process import TWISTD

SLOW = 1000
SECONDS = 3.0
"""What the server is told to wait for TLS."""

DESCRIPTORS = 512
"""What the server may have open: far fewer than there are slow clients, and plenty for a server with caps.

Of a burst of connections more are open than the caps allow until the reactor has closed them in its next turn.
"""

PATIENCE = 30.0
"""Seconds for which an honest client waits for an answer."""

TICK = 0.3
"""Seconds between two bytes of a slow client."""

STARTTLS = b'{"request_type": "STARTTLS"}\n'


def client_hello() -> bytes:
    """How a TLS handshake begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x").do_handshake()
    return outgoing.read()


@attrs.define(eq=False)
class Client:
    """One slow client: where it comes from, what it says at once, and what byte by byte."""

    source: str
    first: bytes
    drip: bytes
    socket: socket.socket | None = None
    said: int = 0
    due: float = 0.0


class SlowClients(threading.Thread):
    """A thousand of them, from these addresses; the `stubborn` come again when they have been sent away."""

    def __init__(self, port: int, sources: Sequence[str], *, stubborn: bool) -> None:
        super().__init__(daemon=True)
        hello = client_hello()
        kinds = (
            (b"", b""),  # silence
            (STARTTLS[:12], b""),  # half a line
            (b"", STARTTLS[:-1] + b" " * 1000),  # a line that does not end
            (STARTTLS, b""),  # no handshake
            (STARTTLS, hello),  # one that takes minutes
        )
        self._address = ("127.0.0.1", port)
        self._stubborn = stubborn
        self._clients = [Client(sources[number % len(sources)], *kinds[number % len(kinds)]) for number in range(SLOW)]
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self.connections = 0

    def run(self) -> None:
        """Begin all of them, and let each go on at its own pace."""
        for client in self._clients:
            self._begin(client)
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.05):
                self._listen(key.data)
            now = time.monotonic()
            for client in self._clients:
                if now >= client.due:
                    client.due = now + TICK
                    self._go_on(client)
        for client in self._clients:
            self._end(client)
        self._selector.close()

    @property
    def waiting(self) -> int:
        """How many have not been sent away, whether the server has accepted them yet or not."""
        return sum(client.socket is not None for client in self._clients)

    def end(self) -> None:
        """Close them all."""
        self._ended.set()
        self.join()

    def _begin(self, client: Client) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.bind((client.source, 0))
        if made.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            made.close()
            return
        self._selector.register(made, selectors.EVENT_READ, client)
        client.socket, client.said, client.due = made, 0, time.monotonic() + TICK
        self.connections += 1

    def _listen(self, client: Client) -> None:
        """Take what the server says; an end, however it comes, is an end."""
        try:
            ended = client.socket is None or not client.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._end(client)

    def _go_on(self, client: Client) -> None:
        if client.socket is None:
            if self._stubborn:
                self._begin(client)
            return
        script = client.first + client.drip
        length = len(client.first) if client.said == 0 and client.first else 1
        with contextlib.suppress(OSError):
            client.said += client.socket.send(script[client.said : client.said + length])

    def _end(self, client: Client) -> None:
        made, client.socket = client.socket, None
        if made is not None:
            self._selector.unregister(made)
            made.close()


def is_local(address: str) -> bool:
    """Whether an address is one of this machine."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
    return True


class SlowClientTests(TestCase):
    """A server with few descriptors, as its owner's system may give it, and short deadlines, so that this ends soon."""

    def setUp(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = SLOW + 200
        if soft < needed:
            needs.require(f"{needed} descriptors", lambda: hard == resource.RLIM_INFINITY or hard >= needed)
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.many = [f"127.0.1.{number}" for number in range(1, 51)]
        needs.require("many addresses on loopback", lambda: is_local(self.many[-1]))

    def serve(self, *options: str, seconds: float = SECONDS) -> ServerProcess:
        """A server that may have few files open; one that checks passwords at once."""
        limited = ("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh", TWISTD, "-n", "--pidfile=", "homeftp")
        server = ServerProcess(
            *("--auth", f"memory:ann:{PASSWORD}", "--tls-timeout", str(seconds), "--login-timeout", str(seconds + 1)),
            *options,
            command=limited,
            account=False,
        )
        self.addCleanup(server.end)
        self.assertTrue(self.served(server))
        return server

    def attack(self, server: ServerProcess, sources: Sequence[str], *, stubborn: bool) -> SlowClients:
        slow = SlowClients(server.ports[0], sources, stubborn=stubborn)
        slow.start()
        self.addCleanup(slow.end)
        wait_until(lambda: slow.connections >= SLOW, lambda: slow.connections)
        return slow

    def served(self, server: ServerProcess) -> bool:
        """Whether an honest client gets in, stores something, and gets it back, before it gives up."""
        try:
            with RawClient(server.ports[0], server.ca_file) as client:
                client.socket.settimeout(PATIENCE)
                client.start_tls().login("ann", PASSWORD)
                stored, _ = client.ask("PUSH", {"rel_endpoint": "a"}, b"honest")
                fetched, content = client.ask("GET", {"rel_endpoint": "a"})
                return (stored["status"], fetched["status"], content) == (0, 0, b"honest")
        except (AssertionError, OSError, EOFError):
            return False

    def tries(self, server: ServerProcess, seconds: float) -> Iterator[bool]:
        """Whether an honest client is served, again and again for so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield self.served(server)
            pause(0.1)

    def test_one_machine(self) -> None:
        """From one machine, connecting again and again, they do not delay another machine.

        No deadline helps: it is the limit for each address that sends them away. And where the processors are busy,
        the honest client may need longer for its handshake than the deadline of the other tests.
        """
        server = self.serve(seconds=3600)
        slow = self.attack(server, ["127.0.1.1"], stubborn=True)
        self.assertTrue(all(self.tries(server, SECONDS + 1)))
        self.assertGreater(slow.connections, SLOW, "they came again")
        self.assertNotIn("Traceback", server.output())

    def test_one_machine_without_caps(self) -> None:
        """The control: a server without the limit serves no other client."""
        before_login = ("--max-unauthenticated", "--max-unauthenticated-per-address")
        caps = ("--max-connections", "--max-connections-per-address", *before_login)
        server = self.serve(*(word for cap in caps for word in (cap, "100000")), seconds=3600)
        self.attack(server, ["127.0.1.1"], stubborn=True)
        self.assertFalse(all(self.tries(server, WITHIN)))  # it takes connections until it has no descriptor

    def test_many_machines(self) -> None:
        """From many machines they do not keep another one out, even before any deadline: it takes the place of one."""
        server = self.serve(seconds=3600)
        slow = self.attack(server, self.many, stubborn=False)
        # The system's queue of connections is short, and tries those beyond it again after seconds.
        wait_until(lambda: slow.waiting <= Limits().unauthenticated, lambda: slow.waiting)
        pause(LOGIN_GRACE)
        self.assertTrue(all(self.tries(server, SECONDS)))

    def test_many_machines_in_a_hurry(self) -> None:
        """While they come again and again, and none waits for long, a newcomer is served at times."""
        server = self.serve(seconds=3600)
        self.attack(server, self.many, stubborn=True)
        # A try may take a third of that where the processors are busy, and the server drops some newcomers by chance.
        self.assertTrue(any(self.tries(server, 3 * PATIENCE)))
