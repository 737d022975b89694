"""What a man in the middle does to a client: plaintext behind the answer to STARTTLS (CVE-2021-23222, CVE-2021-22947).

The command line is run as people run it for a sample of the ways in which
the bytes can be cut, for a process takes a while to start; every way is tried
with the client library, which is all that speaks to the network in both.
Both over real sockets and real TLS.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from typing import Any, Callable, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from homeftp.client import ConnectionFailed, connect
from homeftp.config import ALPN
from homeftp.crypto.ca import open_identity
from homeftp.host import now
from tests.support.accepting import accepted
from tests.support.processes import PASSWORD, WITHIN, run_homeftp
from tests.support.waiting import pause

T = TypeVar("T")

GO_AHEAD = b'{"status": 0, "message": "go ahead"}\n'
GAP = 0.01
"""Seconds between two segments: on loopback enough to be read one by one, as a rule."""


def answers(name: str) -> list[bytes]:
    """The answers to all that `homeftp ls` asks: LOGIN, HELLO, CMP, and GET, a listing of one file of this name."""
    folder = {"name": "", "kind": "directory", "size": 0, "meta_data": []}
    file = {"name": name, "kind": "file", "size": 5, "meta_data": []}
    lines: list[list[dict[str, Any]]] = [
        [{"body": {"account": "ann"}}],
        [{"body": {"protocol": 1}}],
        [{"status": 10, "body": {"differs": [], "remote": folder}}],
        [{"more": True, "body": {"entries": [file]}}, {"body": {"entries_total": 1}}],
    ]
    return [
        b"".join(json.dumps({"status": 0, "message": "", "id": number, **line}).encode() + b"\n" for line in answer)
        for number, answer in enumerate(lines, 1)
    ]


EVIL = b"".join(answers("evil.txt"))


class Middle(threading.Thread):
    """A server with the home's own certificates, behind somebody who puts `injected` into its plaintext.

    All that is in plaintext goes out in two segments, cut at `split`. Inside
    TLS the server answers the requests of `homeftp ls`, with a file of the
    name `listed`.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        state = tempfile.mkdtemp(dir=os.getcwd())
        identity = open_identity(state, now=now)
        chain = os.path.join(state, "chain.pem")
        with open(chain, "wb") as file:
            file.write(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            for certificate in identity.chain:
                file.write(certificate.public_bytes(Encoding.PEM))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._context.set_alpn_protocols([ALPN.decode()])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.ca = identity.ca_pem
        self.fingerprint = identity.fingerprint
        self.injected = b""
        self.split = 0
        self.listed = "honest.txt"

    def run(self) -> None:
        """One connection after the other."""
        for connection in accepted(self._listening):
            with contextlib.suppress(OSError), connection:
                connection.settimeout(WITHIN)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        if not connection.recv(1000).endswith(b"\n"):
            return
        said = GO_AHEAD + self.injected
        connection.sendall(said[: self.split])
        pause(GAP)
        connection.sendall(said[self.split :])
        self._secured(connection)

    def _secured(self, connection: socket.socket) -> None:
        """TLS, in memory: an SSLSocket whose other end has just gone leaks, and warns of it."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)

        def carried(step: Callable[..., T], *args: Any) -> T:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    done = step(*args)
                    connection.sendall(outgoing.read())
                    return done
                connection.sendall(outgoing.read())
                data = connection.recv(1 << 16)
                if not data:
                    raise ConnectionError("the client has left")
                incoming.write(data)

        carried(tls.do_handshake)
        asked = b""
        for answer in answers(self.listed):
            while b"\n" not in asked:
                more = carried(tls.read, 1 << 16)
                if not more:
                    return
                asked += more
            asked = asked.partition(b"\n")[2]
            carried(tls.write, answer)
        carried(tls.read, 1 << 16)

    def end(self) -> None:
        """Listen no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.join(WITHIN)


class CommandTests(SynchronousTestCase):
    """`homeftp ls`, as a process."""

    def setUp(self) -> None:
        self.middle = Middle()
        self.middle.start()
        self.addCleanup(self.middle.end)
        self.home = tempfile.mkdtemp(dir=os.getcwd())
        added = run_homeftp(
            *("remote", "add", "nas", f"127.0.0.1:{self.middle.port}", "--user", "ann"),
            *("--fingerprint", self.middle.fingerprint, "--password-stdin"),
            input=PASSWORD + "\n",
            HOMEFTP_HOME=self.home,
        )
        self.assertEqual(added.returncode, 0, added.stderr)

    def ls(self) -> subprocess.CompletedProcess[str]:
        return run_homeftp("ls", "nas:", HOMEFTP_HOME=self.home)

    def test_injected(self) -> None:
        """Nothing behind the answer to STARTTLS is believed, however it is cut: one line, exit code 4."""
        end = len(GO_AHEAD)
        self.middle.injected = EVIL
        for split in (0, 1, end // 2, end - 1, end, end + 1, end + len(answers("evil.txt")[0]), end + len(EVIL)):
            self.middle.split = split
            ended = self.ls()
            self.assertEqual((ended.returncode, ended.stdout), (4, ""), split)
            self.assertRegex(ended.stderr, r"\Ahomeftp: [^\n]+\n\Z", split)

    def test_control(self) -> None:
        """The same lines are believed when the server itself says them inside TLS; the answer's cut does not matter."""
        self.middle.listed = "evil.txt"
        for split in (0, len(GO_AHEAD) // 2):
            self.middle.split = split
            ended = self.ls()
            self.assertEqual((ended.returncode, ended.stdout), (0, "evil.txt\n"), ended.stderr)


class LibraryTests(TestCase):
    """What `homeftp ls` does, by the client library."""

    timeout = 300

    def setUp(self) -> None:
        self.middle = Middle()
        self.middle.start()
        self.addCleanup(self.middle.end)

    async def listed(self) -> list[str]:
        """The names at the server."""
        client = await connect(
            reactor, f"tcp:127.0.0.1:{self.middle.port}", ca=self.middle.ca, username="ann", password=PASSWORD
        )
        try:
            await client.cmp("")
            return [entry.name async for page in client.list("") for entry in page.entries]
        finally:
            await client.close()

    async def test_every_split(self) -> None:
        """However the bytes are cut, and however few there are, the client goes no further."""
        attacks = [(EVIL, split) for split in range(len(GO_AHEAD) + len(EVIL) + 1)]
        attacks += [(EVIL[:length], len(GO_AHEAD) + extra) for length in range(1, 24) for extra in (0, 1)]
        for self.middle.injected, self.middle.split in attacks:
            with self.assertRaises(ConnectionFailed, msg=(self.middle.injected, self.middle.split)):
                await self.listed()
        self.assertGreater(len(attacks), 300)

    async def test_control(self) -> None:
        """The same lines are believed inside TLS, however the answer to STARTTLS was cut."""
        self.middle.listed = "evil.txt"
        for self.middle.split in range(len(GO_AHEAD) + 1):
            self.assertEqual(await self.listed(), ["evil.txt"])
