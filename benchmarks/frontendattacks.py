"""The attacks by HTTPS and SFTP: what costs a server most in these protocols."""

from __future__ import annotations

import base64
import contextlib
import itertools
import ssl
import time
from typing import Any, Callable, Iterator

from accountattacks import PIECE
from attackkinds import ANSWERS, WINDOW, WITHIN, Target, attack
from tests.support.rawclient import RawClient
from tests.support.sftppackets import NEW, READ, Raw, attrs, request, text, u32, u64
from tests.support.sshclient import SshClient
from tests.support.sshlink import SocketLink
from tests.support.tlsconnections import tls_connection
from unauthenticated import unauthenticated
from victims import PASSWORD

LARGE = 200 * len(PIECE)
"""Bytes of a file that is stored."""

# -- HTTPS -----------------------------------------------------------------------------------


def _web(target: Target) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return tls_connection(context, target.https, within=WITHIN, source=("127.0.0.9", 0))


def _ask(web: ssl.SSLSocket, account: str, line: str, *headers: str, body: Iterator[bytes]) -> None:
    """Send a request, and read its answer to the end of the connection."""
    word = base64.b64encode(f"{account}:{PASSWORD}".encode()).decode()
    lines = [f"{line} HTTP/1.1", "Host: x", f"Authorization: Basic {word}", "Connection: close", *headers]
    web.sendall("\r\n".join([*lines, "", ""]).encode())
    for piece in body:
        web.sendall(piece)
    while web.recv(len(PIECE)):
        pass
    next(ANSWERS)


def web_attack(name: str, account: str, line: Callable[[int, int], str], *headers: str, pieces: int = 0) -> None:
    """Register an attack by four threads, each of which makes a request after the other."""

    @attack(name, None, 4)
    def _run(target: Target, client: RawClient, number: int, until: float) -> None:
        for each in itertools.count():
            if time.monotonic() > until:
                return
            with contextlib.suppress(OSError), _web(target) as web:
                _ask(web, account, line(number, each), *headers, body=itertools.repeat(PIECE, pieces))


web_attack(
    "HTTPS: large PUTs",
    "mallory",
    lambda number, each: f"PUT /dav/web{number}-{each % 4}",
    f"Content-Length: {LARGE}",
    pieces=LARGE // len(PIECE),
)
web_attack("HTTPS: PROPFINDs of 100,000", "reader", lambda number, each: "PROPFIND /dav/many/", "Depth: 1")
web_attack("HTTPS: zips", "reader", lambda number, each: "GET /api/zip/compared")
web_attack("HTTPS: small GETs", "reader", lambda number, each: "GET /dav/compared/d000/f0000")

# -- SFTP ------------------------------------------------------------------------------------


def _exchange_keys(target: Target, source: str, until: float) -> None:
    link = SocketLink(SshClient(), target.sftp, source, within=WITHIN)
    with link.socket:
        link.exchange_keys()


unauthenticated("SFTP: exchanges of keys", 4, _exchange_keys)


def sftp_attack(name: str, account: str, packets: Callable[[SshClient, int], Iterator[bytes]]) -> None:
    """Register an attack by four sessions with many requests under way."""

    @attack(name, None, 4)
    def _run(target: Target, client: RawClient, number: int, until: float) -> None:
        ssh = SshClient()
        link = SocketLink(ssh, target.sftp, "127.0.0.9", within=WITHIN)
        link.exchange_keys()
        assert link.log_in(account, PASSWORD)
        ssh.open_sftp()
        answered = 0
        for asked, packet in enumerate(packets(ssh, number), 1):
            if time.monotonic() > until:
                return
            for start in range(0, len(packet), 32768):
                ssh.send(94, u32(0) + text(packet[start : start + 32768]))
            while asked - answered >= WINDOW:
                link.pump(0.0)
                arrived = len(ssh.answers())
                answered += arrived
                for _ in range(arrived):
                    next(ANSWERS)
                if ssh.window_used > 2**20:
                    ssh.send(93, u32(0) + u32(ssh.window_used))
                    ssh.window_used = 0


def _opened(client: SshClient, path: str, flags: int) -> bytes:
    client.write(request(3, 1, path.encode(), flags, Raw(attrs())))
    (answer,) = client.answers()
    return answer.string


def _writes(client: SshClient, number: int) -> Iterator[bytes]:
    for each in itertools.count():
        handle = _opened(client, f"/sftp{number}-{each % 4}", NEW)
        for offset in range(0, LARGE, 32000):
            yield request(6, 2, handle, Raw(u64(offset)), bytes(32000))
        yield request(4, 3, handle)


def _reads(client: SshClient, number: int) -> Iterator[bytes]:
    handle = _opened(client, f"/large/{number:02}", READ)
    for offset in itertools.cycle(range(0, 2**27, 32768)):
        yield request(5, 2, handle, Raw(u64(offset)), 32768)


def _stats(client: SshClient, number: int) -> Iterator[bytes]:
    for each in itertools.count():
        yield request(17, each % 2**32, b"/compared/d000/f0000")


def _opens(client: SshClient, number: int) -> Iterator[bytes]:
    opening: Any = request(3, 1, b"/compared/d000/f0000", READ, Raw(attrs()))
    for _ in itertools.count():
        yield opening


sftp_attack("SFTP: large files written", "mallory", _writes)
sftp_attack("SFTP: large files read", "reader", _reads)
sftp_attack("SFTP: stats", "reader", _stats)
sftp_attack("SFTP: opens", "reader", _opens)
