"""A network that breaks: what stands between a client and a server, and cuts them off when the test says so."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any, Callable

from homeftp.config import MIB
from tests.support.accepting import accepted
from tests.support.waiting import pause


class Cutter:
    """Carries connections from `port` to a server's port on loopback; each breaks after so many bytes upwards.

    `allowances` are those numbers, for one connection after the other; once
    they are used up, connections last. `sent` counts what went upwards in all.
    `cut` is called with the number of a connection that has been cut.
    """

    def __init__(
        self,
        server: int,
        allowances: list[int],
        *,
        downwards: bool = False,
        cut: Callable[[int], object] = lambda n: None,
    ) -> None:
        self.server = server
        self.sent = 0
        self.connections = 0
        self._allowances = allowances
        self._downwards = downwards
        self._cut = cut
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Carry nothing any more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()  # a connection that it has just accepted is among those that are open now
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        for near in accepted(self._listening):
            try:
                far = socket.create_connection(("127.0.0.1", self.server))
            except OSError:  # there is no server at the moment
                near.close()
                continue
            self._open += [near, far]
            number, self.connections = self.connections, self.connections + 1
            left = self._allowances[number] if number < len(self._allowances) else None
            up, down = (None, left) if self._downwards else (left, None)
            for source, target, allowed, counted in (
                (near, far, up, not self._downwards),
                (far, near, down, self._downwards),
            ):
                threading.Thread(
                    target=self._carry, args=(source, target, allowed, counted, number), daemon=True
                ).start()

    def _carry(
        self, source: socket.socket, target: socket.socket, left: int | None, counted: bool, number: int
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536 if left is None else min(65536, left)):
                target.sendall(data)
                if counted:
                    self.sent += len(data)
                if left is not None:
                    left -= len(data)
                    if not left:
                        self._cut(number)
                        break
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Resetting(Cutter):
    """Ends a connection that has used up its allowance with a reset, as a router does that has forgotten it.

    A client that only sends would not notice that the other end reads nothing any more.
    """

    def _carry(self, source: socket.socket, target: socket.socket, left: int | None, *how: Any) -> None:
        super()._carry(source, target, left, *how)
        if left is not None:
            with contextlib.suppress(OSError):
                source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                source.close()


class Slow(Cutter):
    """Carries the first 8 MiB quickly, and then a mebibyte in a second or so."""

    def _carry(self, source: socket.socket, target: socket.socket, *how: Any) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                self.sent += len(data)
                if self.sent > 8 * MIB:
                    pause(0.05)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
