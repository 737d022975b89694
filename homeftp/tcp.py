"""TCP keepalive: both ends let the system find out that the other one has vanished."""

from __future__ import annotations

import socket

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
    handle = getattr(transport, "socket", None)
    while handle is None and transport is not None:  # TLS is a layer over the transport
        transport = getattr(transport, "transport", None)
        handle = getattr(transport, "socket", None)
    if not isinstance(handle, socket.socket) or handle.family not in (socket.AF_INET, socket.AF_INET6):
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
