"""What an attack is, and what many of them have in common: requests without a pause, and answers that are not read."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from tests.support.rawclient import RawClient

WINDOW = 64
"""Requests of one connection that are sent before their answers are read."""

WITHIN = 2.0
"""Seconds that a connection of a stranger waits for anything, and one that does not read for the last byte it sends."""

HASH = "sha256:" + "0" * 64
"""That of nothing."""


ANSWERS = itertools.count()
"""Its next number is that of the answers that the attackers had so far, also of those by HTTPS and SFTP."""


class AttackingClient(RawClient):
    """A client whose answers are counted."""

    def answer(self) -> tuple[Any, bytes]:
        """The last response to the next request."""
        found = super().answer()
        next(ANSWERS)
        return found


class Request(NamedTuple):
    """A request with its payload."""

    request_type: str
    body: dict[str, Any]
    payload: bytes = b""


class Target(NamedTuple):
    """A server under attack, until a time by the monotonic clock."""

    port: int
    https: int
    sftp: int
    """The ports of its front ends."""
    ca_file: str
    seconds: float

    def connect(self, source: str = "127.0.0.1") -> RawClient:
        """Connect, with TLS, from an address of loopback."""
        client = AttackingClient(self.port, self.ca_file, source=source)
        try:
            return client.start_tls()
        except BaseException:
            client.socket.close()
            raise


class Attack(NamedTuple):
    """Who attacks, by how many connections, and what each does until the time is over."""

    account: str | None
    connections: int
    run: Callable[[Target, RawClient, int, float], None]


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str, account: str | None, connections: int = 1
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register what a connection does."""

    def register(run: Callable[..., None]) -> Callable[..., None]:
        ATTACKS[name] = Attack(account, connections, run)
        return run

    return register


def pump(client: RawClient, until: float, requests: Iterator[Request], window: int = WINDOW) -> None:
    """Send requests, and always have `window` of them under way."""
    for request in itertools.islice(requests, window):
        client.send(*request)
    for request in requests:
        if time.monotonic() > until:
            return
        client.answer()
        client.send(*request)


def unread(client: RawClient, until: float, requests: Sequence[Request]) -> None:
    """Send requests, and read nothing."""
    client.socket.settimeout(WITHIN)
    with contextlib.suppress(OSError):
        for request in requests:
            client.send(*request)
    time.sleep(max(0.0, until - time.monotonic()))


def repeated(name: str, account: str, request: Request, connections: int = 1, window: int = WINDOW) -> None:
    """Register an attack by the same request over and over."""

    def run(target: Target, client: RawClient, number: int, until: float) -> None:
        pump(client, until, itertools.repeat(request), window)

    ATTACKS[name] = Attack(account, connections, run)


def never_read(name: str, account: str, request: Request, connections: int = 1) -> None:
    """Register an attack by many requests whose answers are not read."""

    def run(target: Target, client: RawClient, number: int, until: float) -> None:
        unread(client, until, [request] * WINDOW)

    ATTACKS[name] = Attack(account, connections, run)
