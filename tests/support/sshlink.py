"""An `SshClient` over a real socket, for tests and benchmarks that drive a server process."""

from __future__ import annotations

import select
import socket

from tests.support.sftppackets import Answer, request, text, u32
from tests.support.sshclient import SshClient
from tests.support.waiting import WITHIN

PIECE = 64 * 1024

REFUSED, LOGGED_IN = 51, 52
"""How SSH answers a password."""


class SocketLink:
    """The transport of an `SshClient` that is connected by a socket to a port of 127.0.0.1."""

    def __init__(self, client: SshClient, port: int, source: str = "", *, within: float = WITHIN) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), within, (source, 0) if source else None)
        self.write = self.socket.sendall
        self._client = client
        self._within = within
        client.link = self  # type: ignore[assignment]
        client.makeConnection(self)

    def pump(self, quiet: float = 0.2) -> None:
        """Deliver what arrives, until nothing does for so many seconds."""
        wait = self._within
        while select.select([self.socket], [], [], wait)[0]:
            data = self.socket.recv(PIECE)
            if not data:
                raise EOFError("the server has closed the connection")
            self._client.dataReceived(data)
            wait = quiet

    def exchange_keys(self) -> None:
        """Wait until the connection is encrypted."""
        while not self._client.session_id:
            self.pump(0.0)

    def log_in(self, account: str, password: str) -> bool:
        """Log in with a password; whether that succeeded."""
        self._client.log_in(account.encode(), password)
        while not (found := {REFUSED, LOGGED_IN} & set(self._client.kinds())):
            self.pump(0.0)
        return LOGGED_IN in found

    def open_sftp(self) -> None:
        """Begin a session of SFTP."""
        self._client.open_sftp()

    def ask(self, kind: int, *fields: object) -> Answer:
        """The answer to a request of SFTP."""
        self._client.send(94, u32(0) + text(request(kind, 1, *fields)))
        while not (found := self._client.answers()):
            self.pump(0.0)
        return found[0]
