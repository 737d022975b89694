"""TCP connections whose other end may vanish without a word: what both ends ask of their system."""

from __future__ import annotations

import socket

KEEPALIVE_IDLE_SECONDS = 20
"""Silence after which TCP asks whether the other end is there (tcp(7)); by default it is two hours."""

KEEPALIVE_SECONDS = 10
"""Between two questions."""

KEEPALIVE_COUNT = 4
"""Questions without an answer after which the connection has ended: a minute in all."""

UNACKNOWLEDGED_SECONDS = 60
"""How long what was sent may stay unacknowledged; by default it is a quarter of an hour."""

_MILLISECONDS = 1000


def detect_dead_peer(transport: object) -> None:
    """Let the system end a connection within a minute after the other end has vanished.

    Anything but TCP, with TLS in it or without, and a system that cannot do it, are left alone.
    """
    handle = getattr(transport, "socket", None)
    while handle is None and transport is not None:  # TLS is a layer over the transport
        transport = getattr(transport, "transport", None)
        handle = getattr(transport, "socket", None)
    if not isinstance(handle, socket.socket) or handle.family not in (socket.AF_INET, socket.AF_INET6):
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * _MILLISECONDS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
