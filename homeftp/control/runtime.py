"""Where the control sockets of running servers are, and who may use one.

Each server has a socket in a private folder of its user. The first of these
folders that the server may use gets the socket, and a command looks in all of
them, because the two may have different environments (su, cron, systemd).
Only the user of the server and root may connect: the folder and the socket are
private, and both ends ask the kernel who is at the other one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
import struct
import time
from typing import Callable, Iterator, Mapping

from homeftp.errors import OperatorError

VARIABLE = "HOMEFTP_RUNTIME"
"""The environment variable that names the one folder to use, for servers and commands that must not meet others."""

SYSTEM = "/run/homeftp"
"""The folder of a server that the system starts."""

MAX_PATH = 107
"""Bytes of a socket's path, at most: the kernel's 108 less the NUL (unix(7))."""

MAX_REQUEST = 4096
"""Bytes of a request's line."""

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer's line: all accounts, devices and connections of a busy server are a tenth of this."""

_SUFFIX = ".sock"
_STARTING_SECONDS = 60.0
"""How old a socket without a listener must be to be removed: a new one is listened on only after it was made."""

_RANDOM_BYTES = 4
"""In a socket's name: two servers in different containers may have the same pid."""

_CREDENTIALS = struct.Struct("3i")
"""struct ucred: pid, uid, gid."""


Tell = Callable[[str], object]
"""Gets what is ignored, and why, in words; only for root, as other users' servers are usual for everybody else."""


def runtime_folders(environ: Mapping[str, str], uid: int) -> list[str]:
    """The folders in which this user's sockets may be, in the order in which a server tries them."""
    if environ.get(VARIABLE):
        return [os.path.abspath(environ[VARIABLE])]
    given = [environ.get("RUNTIME_DIRECTORY", "").split(":")[0]]  # systemd.exec(5)
    if environ.get("XDG_RUNTIME_DIR"):
        given.append(os.path.join(environ["XDG_RUNTIME_DIR"], "homeftp"))
    given += [f"/run/user/{uid}/homeftp", SYSTEM, f"/tmp/homeftp-{uid}"]
    return list(dict.fromkeys(filter(os.path.isabs, given)))


def listen(environ: Mapping[str, str]) -> tuple[socket.socket, str]:
    """A listening control socket of this process, and its path. Raises `OperatorError` where no folder can be used."""
    uid, name = os.geteuid(), f"{os.getpid()}-{secrets.token_hex(_RANDOM_BYTES)}"
    problems = []
    for folder in runtime_folders(environ, uid):
        path = os.path.join(folder, name + _SUFFIX)
        try:
            _make_private(folder, uid)
            _remove_abandoned(folder)
            return _bind(path), path
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
    raise OperatorError(f"no folder for the control socket can be used ({'; '.join(problems)})")


def make_private(path: str) -> None:
    """Let only its user connect to the socket: the reactor opens what it adopts to all."""
    os.chmod(path, 0o600)


def sockets(environ: Mapping[str, str], tell: Tell = lambda what: None) -> Iterator[str]:
    """The paths of all sockets that this user may use; some may be abandoned. Root is told of a folder of others."""
    uid = os.geteuid()
    named = bool(environ.get(VARIABLE))  # then that is the only folder
    for folder in runtime_folders(environ, uid):
        try:
            _check_private(folder, uid, named=named)
            names = sorted(os.listdir(folder))
        except OSError as error:
            if uid == 0 and isinstance(error, PermissionError):
                tell(f"the folder {folder} is ignored: {error.strerror}")
            continue
        yield from (os.path.join(folder, name) for name in names if name.endswith(_SUFFIX))


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a UNIX socket; None where the system does not tell (SO_PEERCRED)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return int(uid)


def may_control(uid: int | None) -> bool:
    """Whether that user may talk to a server of this process's user: itself and root, and not one who is unknown."""
    return uid in (0, os.geteuid())


def _make_private(folder: str, uid: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = _check_private(folder, uid)
    if found.st_uid != uid:
        raise PermissionError(0, "it belongs to another user")


def _check_private(folder: str, uid: int, *, named: bool = False) -> os.stat_result:
    """Raise OSError unless only this user can have put anything there.

    Root looks into the folder of the system, and one that it has `named`, even if another user owns it: what is there
    speaks for that user only.
    """
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "it is not a folder")
    if found.st_uid != uid and not (uid == 0 and (named or folder == SYSTEM)):
        raise PermissionError(0, "it belongs to another user")
    if found.st_mode & 0o022:
        raise PermissionError(0, "others may write there")
    return found


def _remove_abandoned(folder: str) -> None:
    """Remove the sockets of servers that were killed: they do not listen there any more. What fails is left there."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not name.endswith(_SUFFIX):
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            if time.time() - os.lstat(path).st_mtime <= _STARTING_SECONDS:
                continue
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)


def _bind(path: str) -> socket.socket:
    if len(os.fsencode(path)) > MAX_PATH:
        raise OSError(0, f"the path of the socket would be longer than {MAX_PATH} bytes")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        make_private(path)
        made.listen()
    except BaseException:
        made.close()
        raise
    return made
