"""Ports of loopback that stay free for a server until it listens, and while it is started again."""

from __future__ import annotations

import atexit
import contextlib
import socket

_HELD = contextlib.ExitStack()
"""The sockets that hold ports, until this process ends."""

atexit.register(_HELD.close)


def reserved_port() -> int:
    """A port of 127.0.0.1 that nobody gets who does not ask for it by its number.

    A socket is bound to it and does not listen. So the kernel gives the port to no outgoing connection, and to nobody
    who asks for any port; a server that sets SO_REUSEADDR, as servers do, may listen on it, as often as it likes
    (socket(7), ip(7)). A port that was only looked up may be another program's before the server listens on it.
    """
    held = _HELD.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port: int = held.getsockname()[1]
    return port


def reserved_listen() -> tuple[str, str]:
    """The options by which a server of ours listens on such a port."""
    return "--listen", f"tcp:{reserved_port()}:interface=127.0.0.1"
