"""The end of the control socket at which an owner's command is: it finds the running servers, and asks one. Blocks.

A request is one line of JSON, `{"command": NAME}` with parameters beside it; the answer is one line too,
`{"ok": true, ...}` or `{"ok": false, "error": TEXT}`. Then the server closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import Any, Mapping

import msgspec

from homeftp.control.runtime import MAX_ANSWER, Tell, peer_uid, sockets
from homeftp.errors import OperatorError

HELLO_SECONDS = 3.0
"""How long a server may take to say who it is: it answers from memory."""

ANSWER_SECONDS = 60.0
"""How long any other answer may take: to count the files of a quota is the longest."""

_PIECE = 64 * 1024


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """A homeftp server that runs on this machine, of this user or, for root, of the system's."""

    path: str
    """Its control socket."""
    uid: int
    """Its user, as the kernel says."""
    pid: int
    state: str
    """Its state folder."""
    root: str
    """The folder that it shares."""
    ports: tuple[int, ...] = ()
    """The TCP ports that it listens on."""

    def ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        """The server's answer to a command. Raises `OperatorError` where it refuses, or does not answer."""
        try:
            answer = _ask(self.path, self.uid, {**parameters, "command": command}, ANSWER_SECONDS)
        except (OSError, ValueError) as error:
            raise OperatorError(
                f"the server (pid {self.pid}) does not answer ({error}): look at its log, or start it again"
            ) from error
        if answer.get("ok") is not True:
            raise OperatorError(f"the server (pid {self.pid}) refused: {answer.get('error', 'no reason was given')}")
        return answer

    def check_state(self) -> os.stat_result:
        """The stat of its state folder; raises OSError where it is not a folder of the server's user.

        A server of root may name any folder. The folder is open while it is looked at, so no link is followed there.
        """
        descriptor = os.open(os.path.realpath(self.state), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if self.uid not in (0, found.st_uid):
            raise PermissionError(0, f"the state folder {self.state!r} belongs to another user than {self.uid}")
        return found


def running_servers(environ: Mapping[str, str], tell: Tell = lambda what: None) -> list[RunningServer]:
    """The servers that this user may control; those that do not say who they are are left out.

    Only the owner of a socket's folder answers there. For root, who sees more than that user, a server whose state
    folder is not its user's is left out too: it would lead root's commands to files of others. Root is told of these.
    """
    found = []
    for path in sockets(environ, tell):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            try:
                server = _hello(path)
                if os.geteuid() == 0 and server.uid != 0:
                    server.check_state()
            except ConnectionRefusedError:
                continue  # it was killed
            except OSError as error:
                if os.geteuid() == 0:
                    tell(f"the server at {path!r} is ignored: {error.strerror or error}")
            else:
                found.append(server)
    return found


def server_of(environ: Mapping[str, str], state: str) -> RunningServer | None:
    """The running server that uses the state folder `state`; None where none does."""
    wanted = os.path.realpath(state)
    return next((each for each in running_servers(environ) if os.path.realpath(each.state) == wanted), None)


def server_on(environ: Mapping[str, str], port: int) -> RunningServer | None:
    """The running server that listens on this TCP port; None where that is another program."""
    return next((each for each in running_servers(environ) if port in each.ports), None)


def _hello(path: str) -> RunningServer:
    """The server that answers at the socket. Raises OSError, and ValueError, KeyError or TypeError for a bad answer."""
    uid = os.stat(os.path.dirname(path)).st_uid
    answer = _ask(path, uid, {"command": "hello"}, HELLO_SECONDS)
    pid = int(answer["pid"])
    if pid <= 0:
        raise ValueError("it is not a process")  # kill(2) would take it for many
    return RunningServer(
        path=path,
        uid=uid,
        pid=pid,
        state=str(answer["state"]),
        root=str(answer["root"]),
        ports=tuple(map(int, answer["ports"])),
    )


def _ask(path: str, uid: int, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The answer of that user. Raises OSError, for another user too, and ValueError for what is no answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        if peer_uid(connection) != uid:
            raise PermissionError(0, f"another user than {uid} answers")
        connection.sendall(json.dumps(request).encode("ascii") + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(_PIECE)
            line += piece
            if not piece or len(line) > MAX_ANSWER:
                raise ValueError("it sent no answer" if not piece else "its answer is too long")
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("it sent no answer")
    return answer
