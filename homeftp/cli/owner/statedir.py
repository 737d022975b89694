"""Which server's state an owner's command works on: the --state option, or the server that runs on this machine."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from homeftp.cli.terminal.failures import print_error
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.control.ask import RunningServer


SYSTEM_STATE = "/var/lib/homeftp"
"""The state folder of a server that the system starts: root's commands find it also while that server is stopped."""


def add_state_argument(parser: argparse.ArgumentParser) -> None:
    """Add --state."""
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="the server's state folder (default: that of the server that runs here, else the server's own default)",
    )


def state_dir(options: argparse.Namespace, *, make: bool = False) -> str:
    """The absolute path of the server's state folder; prints which one it is if the command line does not say.

    With `make` a state that --state names may be new. Raises `OperatorError` where no server's state is, and where
    several servers run. Root becomes the user of the server, so that no file there is root's.
    """
    folder, server = _find(options)
    become_owner(folder, server)
    if not has_state(folder) and not (make and options.state):
        raise OperatorError(_nothing_in(folder, options))
    if not options.state and not options.json:
        which = (
            _describe_silent(folder) if server is None else f"the server with pid {server.pid}, sharing {server.root}"
        )
        print_error(f"using the state folder {folder} ({which})")
    return folder


def new_state_dir(options: argparse.Namespace) -> str:
    """The absolute path of a state folder that is to be created, whatever servers run."""
    from homeftp.accounts.database import default_state_dir

    return os.path.abspath(options.state or default_state_dir(os.environ))


def state_found(options: argparse.Namespace) -> tuple[str, RunningServer | None]:
    """The server's state folder, and the server if it runs. Raises `OperatorError` if several servers run."""
    from homeftp.control.ask import server_of

    folder, server = _find(options)
    return folder, server or server_of(os.environ, folder)


def has_state(folder: str) -> bool:
    """Whether a server has used the folder."""
    from homeftp.accounts.database import AccountDatabase

    return AccountDatabase(folder).exists()


def become_owner(folder: str, server: RunningServer | None = None) -> None:
    """Where root runs the command: become the user who owns the state folder. Nothing changes for anybody else.

    To be called before anything in the folder is opened. Raises `OperatorError` where a running server named the
    folder, and it is not one of its user.
    """
    if os.geteuid() != 0:
        return
    try:
        found = os.stat(folder) if server is None else server.check_state()
    except OSError as error:
        if server is not None and server.uid != 0:
            raise OperatorError(
                f"the server with pid {server.pid} of user {server.uid} has no state folder of that user at {folder} "
                f"({error.strerror}). Give its state folder with --state DIR."
            ) from None
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return  # the caller finds no state there, and says so
        raise
    if found.st_uid != 0:
        os.setgroups([])
        os.setgid(found.st_gid)
        os.setuid(found.st_uid)


def _find(options: argparse.Namespace) -> tuple[str, RunningServer | None]:
    """The state folder, and the server that was found by running, if that decided."""
    from homeftp.accounts.database import default_state_dir
    from homeftp.control.ask import running_servers

    given = options.state or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return os.path.abspath(given), None
    running = running_servers(os.environ, print_error)
    if len({os.path.realpath(each.state) for each in running}) > 1:
        shown = "; ".join(
            f"--state {shlex.quote(each.state)} (sharing {each.root}, pid {each.pid})" for each in running
        )
        raise OperatorError(f"several servers run here. Name the one that is meant: {shown}")
    if running:
        return running[0].state, running[0]
    folder = default_state_dir(os.environ)
    return (SYSTEM_STATE if os.geteuid() == 0 and not has_state(folder) and has_state(SYSTEM_STATE) else folder), None


def _describe_silent(folder: str) -> str:
    """Name the server that uses this state folder and does not answer, or say that none runs."""
    from homeftp.control.statelock import server_of

    pid = server_of(folder)
    return "no server runs here" if pid is None else f"the server with pid {pid}, which does not answer"


def _nothing_in(folder: str, options: argparse.Namespace) -> str:
    """Advice for a folder that holds no server's state."""
    from homeftp.control.runtime import SYSTEM

    if options.state:
        return f"there is no server's state in {folder}. Give the folder that the server was started with."
    other = ""
    if os.geteuid() and os.path.isdir(SYSTEM) and os.stat(SYSTEM).st_uid != os.geteuid():
        other = f" A server of another user may run here ({SYSTEM}): try it with sudo."
    return (
        f"no server runs here, and there is no server's state in {folder}. Start the server (homeftp serve DIR), or "
        f"name its state folder with --state DIR.{other}"
    )
