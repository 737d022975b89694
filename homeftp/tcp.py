"""Settings of both ends' TCP connections, and whether the other end is still there.

TCP keepalive finds that out, and a look at a connection that is not read.
"""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.protocols.policies import ProtocolWrapper

IDLE_SECONDS = 20
"""Silence after which TCP probes the other end (tcp(7)); by default it is two hours."""

PROBE_SECONDS = 10
"""Between two probes."""

PROBES = 4
"""Probes without an answer after which the connection has ended: a minute in all."""

UNACKNOWLEDGED_SECONDS = 60
"""How long what was sent may stay unacknowledged; by default it is a quarter of an hour."""

_MILLISECONDS = 1000


def detect_dead_peer(transport: object) -> None:
    """Let the system end a connection within a minute after the other end has vanished.

    `transport` may be TLS over TCP. Nothing is done for anything but TCP, nor where the system has no such options.
    """
    handle = _socket_of(transport)
    if handle is None or not _is_tcp(handle):
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", IDLE_SECONDS),
        ("TCP_KEEPINTVL", PROBE_SECONDS),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * _MILLISECONDS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)


def send_at_once(transport: object) -> None:
    """Let the system send each message when it is written, also while an earlier one is not acknowledged.

    Otherwise the second of two small messages waits for the acknowledgement of the first (RFC 896), which the other end
    holds back for 40 ms (RFC 1122, section 4.2.3.2) while it has nothing to send itself. Both ends write large pieces,
    so that there are no more packets. `transport` may be TLS over TCP; nothing is done for anything but TCP.
    """
    handle = _socket_of(transport)
    if handle is not None and _is_tcp(handle):
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def peer_has_closed(transport: object) -> bool:
    """Whether the other end has closed the connection, as far as the system has learned; cheap, and nothing is read.

    A transport that is read says so itself. False where the system cannot tell: only Linux can.
    """
    handle, closed = _socket_of(transport), getattr(select, "POLLRDHUP", 0)
    if handle is None or handle.fileno() < 0 or not closed:
        return False
    poll = select.poll()
    poll.register(handle, closed)
    return bool(poll.poll(0))


def lowest_transport(transport: Any) -> Any:
    """The transport of the system's socket, beneath TLS and other wrappers."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport


def _is_tcp(handle: socket.socket) -> bool:
    return handle.family in (socket.AF_INET, socket.AF_INET6)


def _socket_of(transport: object) -> socket.socket | None:
    """The socket of a transport, which may be TLS over another one; None where it has none."""
    handle = getattr(transport, "socket", None)
    while handle is None and transport is not None:
        transport = getattr(transport, "transport", None)
        handle = getattr(transport, "socket", None)
    return handle if isinstance(handle, socket.socket) else None
