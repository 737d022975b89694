"""A relay to the database server that is slow, loses what is said, or stops: what a network may do."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Callable
from urllib.parse import quote

from tests.support.accepting import accepted
from tests.support.engines import PostgreSQL
from tests.support.waiting import pause


class DatabaseProxy:
    """Relays connections on a loopback port to a server's socket. Close it."""

    def __init__(self, server: PostgreSQL) -> None:
        self._path = f"{server.folder}/.s.PGSQL.5432"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.lose_answer_to: bytes | None = None
        """The connection of the next statement that has this in it ends when the server has answered it."""
        self.silent = threading.Event()
        """While it is set no answer comes through."""
        self.silent_from: bytes | None = None
        """No answer comes through from the next statement on that has this in it; the server gets that one."""
        self.swallowed: bytes | None = None
        """The next statement that has this in it does not get to the server."""
        self.seconds = 0.0
        """How long each answer takes, at least."""
        self._accepting = self._run(self._accept)

    def url(self, database: str) -> str:
        """The URL of a database, by way of this relay."""
        port = self._listening.getsockname()[1]
        return f"postgresql://postgres@{quote('127.0.0.1')}:{port}/{database}"

    def _run(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        for client in accepted(self._listening):
            server = socket.socket(socket.AF_UNIX)
            self._sockets += [client, server]
            try:
                server.connect(self._path)
            except OSError:  # there is no server at the moment
                client.close()
                server.close()
                continue
            losing = threading.Event()
            self._run(self._forward, client, server, losing)
            self._run(self._back, server, client, losing)

    def _forward(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.lose_answer_to is not None and self.lose_answer_to in data:
                    self.lose_answer_to = None
                    losing.set()
                if self.silent_from is not None and self.silent_from in data:
                    self.silent_from = None
                    self.silent.set()
                if self.swallowed is not None and self.swallowed in data:
                    self.swallowed = None
                    continue
                server.sendall(data)
        self._end(client, server)

    def _back(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set():
                    break
                if self.seconds:
                    pause(self.seconds)
                if not self.silent.is_set():
                    client.sendall(data)
        self._end(client, server)

    def _end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every connection."""
        self._end(self._listening)
        self._accepting.join()  # a connection that it has just accepted is among those that end now
        self._listening.close()
        self._end(*self._sockets)
        for each in self._sockets:
            each.close()
