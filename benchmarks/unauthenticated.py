"""The attacks of those who have no account: connections, handshakes, guesses and garbage."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import time
from typing import Callable, Iterator

from attackkinds import ANSWERS, ATTACKS, WITHIN, Attack, Request, Target, attack, pump
from tests.support.rawclient import RawClient, context


def _sources(number: int) -> Iterator[str]:
    """Addresses of loopback, other ones for each thread."""
    return itertools.cycle([f"127.0.{number + 1}.{each}" for each in range(1, 200)])


def unauthenticated(name: str, threads: int, meet: Callable[[Target, str, float], None]) -> None:
    """Register an attack by clients that have not logged in.

    Each thread calls `meet` over and over, from many addresses. However a connection ends, its end is an answer.
    """

    def run(target: Target, client: RawClient, number: int, until: float) -> None:
        for source in _sources(number):
            if time.monotonic() > until:
                return
            with contextlib.suppress(OSError, EOFError, AssertionError, ssl.SSLError, json.JSONDecodeError):
                meet(target, source, until)
            next(ANSWERS)

    ATTACKS[name] = Attack(None, threads, run)


def _handshake(target: Target, source: str, until: float) -> None:
    with target.connect(source):
        pass


def _half_handshake(target: Target, source: str, until: float) -> None:
    """All that a server needs to do its part of a handshake; its answer is not even read."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(target.ca_file).wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", target.port), WITHIN, (source, 0)) as plain:
        plain.sendall(b'{"request_type": "STARTTLS"}\n')
        plain.recv(1000)
        plain.sendall(outgoing.read())
        plain.recv(1)


def _guess(target: Target, source: str, until: float) -> None:
    with target.connect(source) as client:
        for _ in range(3):
            client.ask("LOGIN", {"username": "honest", "password": "wrong"})


def _pair(target: Target, source: str, until: float) -> None:
    with target.connect(source) as client:
        message = "53" + "01" * 32
        client.ask("PAIR", {"invitation": 4821, "message": message})


def _garbage(target: Target, source: str, until: float) -> None:
    with target.connect(source) as client:
        client.socket.sendall(b'{"request_type": "HELLO", "body": {"client": "' + b"x" * 15000)
        client.socket.sendall(b'"}}\n' * 10)
        client.response()


def _hellos(target: Target, source: str, until: float) -> None:
    with target.connect(source) as client:
        pump(client, until, itertools.repeat(Request("HELLO", {})))


def _plain(target: Target, source: str, until: float) -> None:
    with socket.create_connection(("127.0.0.1", target.port), WITHIN, (source, 0)):
        pass


unauthenticated("TLS handshakes", 4, _handshake)
unauthenticated("halves of TLS handshakes", 4, _half_handshake)
unauthenticated("wrong passwords", 8, _guess)
unauthenticated("guessed codes", 8, _pair)
unauthenticated("HELLO without a pause", 4, _hellos)
unauthenticated("lines that are no requests", 4, _garbage)
unauthenticated("connections that end at once", 4, _plain)


@attack("300 connections that never log in", None, 300)
def _idle(target: Target, client: RawClient, number: int, until: float) -> None:
    sources = _sources(number % 100)
    with contextlib.suppress(OSError, EOFError, AssertionError):
        while time.monotonic() < until:
            with target.connect(next(sources)) as idle:
                idle.socket.settimeout(max(0.1, until - time.monotonic()))
                idle.response()
