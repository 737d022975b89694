"""`homeftp service`: let systemd run the server that runs now, or one with the options of `homeftp serve`.

With --sync it is about the sync of the saved pairs, which sync.py installs.

The unit names the state folder of the running server, so that its devices stay paired.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Iterator

from homeftp.cli.owner.statedir import state_found
from homeftp.cli.terminal.arguments import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_result
from homeftp.control.statelock import server_of
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    import pwd

    from homeftp.cli.service.systemd import SystemdUnit
    from homeftp.cli.service.units import ServedFolder
    from homeftp.control.ask import RunningServer

UNIT = "homeftp.service"

_STOP_SECONDS = 15.0
"""How long the server that runs now may take to stop: as long as the unit gives it (TimeoutStopSec)."""

_START_SECONDS = 30.0
"""How long the server of the unit may take to start."""

_POLL_SECONDS = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    summaries = {
        "install": "Write, enable and start the unit for the server that runs now, or for DIR and OPTIONS; or with "
        "--sync for `homeftp sync --watch`.",
        "uninstall": "Stop and remove the unit. All folders stay.",
    }
    actions = add_actions(parser, summaries)
    for action in actions.values():
        action.add_argument(
            "--sync", action="store_true", help="the sync of all saved pairs, at each login, instead of the server"
        )
        kind = action.add_mutually_exclusive_group()
        kind.add_argument("--user", action="store_true", help="for this user, without root (default, unless root)")
        kind.add_argument("--system", action="store_true", help="for the machine (default for root)")
    install = actions["install"]
    install.add_argument(
        "--run-as",
        metavar="USER",
        help="the user of a service of the system (default: the user of the server that runs now, or the owner of the "
        "shared folder)",
    )
    install.add_argument("--print", action="store_true", help="print the unit and do nothing else")
    install.add_argument("--state", metavar="DIR", help="the state folder of the server to install")
    install.add_argument("serve", metavar="DIR and OPTIONS", nargs="*", help="as for `homeftp serve`, behind --")
    for action in actions.values():
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; returns the exit code."""
    if options.sync:
        from homeftp.cli.service.sync import install, uninstall

        return uninstall(options) if options.action == "uninstall" else install(options, program())
    is_system = options.system or (not options.user and os.geteuid() == 0)
    if options.action == "uninstall":
        return _uninstall(is_system, options)
    from homeftp.cli.service.units import system_unit, user_unit

    running = None if options.serve else state_found(options)[1]
    server = _served(options, running, is_system)
    text = system_unit(server) if is_system else user_unit(server)
    if options.print:
        print(text, end="")
        return Exit.DONE
    unit = _unit(is_system)
    unit.require()
    unit.write(text)
    _stop(server.state, unit)
    unit.start()
    _wait_until_serving(server.state, unit)
    line = f"Installed and started {unit.path}. It shares {server.root} and uses the state folder {server.state}."
    if not is_system:
        line += " To let it run while you are not logged in: sudo loginctl enable-linger $USER"
    print_result(options, line, {"installed": unit.path, "root": server.root, "state": server.state})
    return Exit.DONE


def _served(options: argparse.Namespace, running: RunningServer | None, is_system: bool) -> ServedFolder:
    """The server that the unit is to run."""
    from homeftp.cli.service.units import ServedFolder
    from homeftp.tap import Options

    if not options.serve and running is None:
        raise OperatorError(
            "no server runs here. Start it as you want it (homeftp serve DIR) and run this again, or give its options: "
            "homeftp service install -- DIR"
        )
    arguments = options.serve
    if running is not None:
        arguments = running.ask("arguments")["arguments"]
    elif options.state:
        arguments = [*arguments, "--state", options.state]
    parsed = Options()
    parsed.parseOptions(arguments)
    user = group = ""
    if is_system:
        import grp

        account = _account(options.run_as, running, parsed.settings.root)
        user, group = account.pw_name, grp.getgrgid(account.pw_gid).gr_name
    return ServedFolder(
        program=program(),
        arguments=parsed.command_line(),
        root=parsed.settings.root,
        state=parsed.settings.state,
        user=user,
        group=group,
    )


def _account(name: str | None, running: RunningServer | None, root: str) -> pwd.struct_passwd:
    """The user of a service of the system."""
    import pwd

    try:
        if name is not None:
            return pwd.getpwnam(name)
        uid = running.uid if running is not None else os.stat(root).st_uid
        return pwd.getpwuid(uid)
    except (KeyError, OSError):
        raise OperatorError("name an existing user for the service with --run-as USER.") from None


def program() -> list[str]:
    """The command for this homeftp, with an absolute path."""
    script = shutil.which(sys.argv[0]) if os.path.basename(sys.argv[0]) == "homeftp" else None
    return [os.path.abspath(script)] if script is not None else [sys.executable, "-m", "homeftp"]


def _unit(is_system: bool) -> SystemdUnit:
    from homeftp.cli.service.systemd import SystemdUnit

    return SystemdUnit(UNIT, is_system)


def _stop(state: str, unit: SystemdUnit) -> None:
    """Stop the server that uses the state folder now, also another user's: the unit needs its port and its folder."""
    pid = server_of(state)  # the kernel's answer, not the server's
    if pid is None:
        return
    deadline = time.monotonic() + _STOP_SECONDS
    try:
        with _rights_of(os.stat(state).st_uid):
            os.kill(pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                os.kill(pid, 0)
    except ProcessLookupError:
        return
    except PermissionError:
        raise OperatorError(f"the server that runs now (pid {pid}) is another user's: stop it first.") from None
    raise OperatorError(
        f"the server that runs now (pid {pid}) does not stop. The unit is written: stop that server, then "
        f"run: {unit.start_command}"
    )


def _wait_until_serving(state: str, unit: SystemdUnit) -> None:
    """Wait until the server of the unit answers. Raises `OperatorError` where it ends instead, or takes too long."""
    from homeftp.control.ask import server_of as answering

    deadline = time.monotonic() + _START_SECONDS
    while answering(os.environ, state) is None:
        if unit.has_failed() or time.monotonic() > deadline:
            raise OperatorError(
                f"{unit.path} is installed, but its server does not start. Its log says why: {unit.log_command}"
            )
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _rights_of(uid: int) -> Iterator[None]:
    """Run the block with the rights of that user where root runs it: kill(2) checks the real and the effective ID."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    real, effective, saved = os.getresuid()
    os.setresuid(uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(real, effective, saved)


def _uninstall(is_system: bool, options: argparse.Namespace) -> int:
    unit = _unit(is_system)
    unit.remove()
    print_result(
        options, f"Stopped and removed {unit.path}. The shared folder and the state stay.", {"removed": unit.path}
    )
    return Exit.DONE
