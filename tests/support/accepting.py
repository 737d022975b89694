"""Accepting connections in a thread until the listening socket is closed."""

from __future__ import annotations

import socket
from typing import Iterator


def accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections of a listening socket, until that is shut down or closed."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        yield connection
