"""`homeftp service install --sync`: let the system keep the saved pairs in step whenever the user logs in."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Mapping, Sequence

from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.service.loginservice import StartedProgram, agent_text, launch_agent, scheduled_task, task_text
from homeftp.cli.service.systemd import SystemdUnit
from homeftp.cli.service.units import sync_unit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_result
from homeftp.client import client_folder
from homeftp.errors import OperatorError, counted

UNIT = "homeftp-sync.service"

_VARIABLE = "HOMEFTP_HOME"
"""The environment variable that the service gets if it is set now."""

_LINGER = " To let it run while you are not logged in: sudo loginctl enable-linger $USER"


def install(options: argparse.Namespace, program: Sequence[str], platform: str = sys.platform) -> Exit:
    """Write, enable and start the service that runs `program`, the command of homeftp; or only print it."""
    if options.system:
        raise OperatorError("a sync runs as the service of a user, whose servers it uses: leave out --system")
    if options.run_as or options.state or options.serve:
        raise OperatorError("--run-as, --state and the options of a server do not go with --sync.")
    text = _text([*program, "sync", "--watch"], platform)
    if options.print:
        print(text, end="")
        return Exit.DONE
    file = PairFile(client_folder(os.environ))
    pairs = len(file.load())
    if not pairs:
        raise OperatorError(
            f"{file.path} has no pairs to keep in step. Save one first: homeftp sync --save Documents nas:Documents"
        )
    service = _service(platform)
    service.require()
    service.write(text)
    service.start()
    line = f"Installed and started {service.path}. It keeps {counted(pairs, 'pair')} in step when you are logged in."
    if isinstance(service, SystemdUnit):
        line += _LINGER
    print_result(options, line, {"installed": service.path, "pairs": pairs})
    return Exit.DONE


def uninstall(options: argparse.Namespace, platform: str = sys.platform) -> Exit:
    """Stop and remove the service; the pairs stay saved."""
    service = _service(platform)
    service.remove()
    print_result(options, f"Stopped and removed {service.path}. The pairs stay saved.", {"removed": service.path})
    return Exit.DONE


def _service(platform: str) -> SystemdUnit | StartedProgram:
    home = os.path.expanduser("~")
    if platform == "darwin":
        return launch_agent(home)
    if platform == "win32":
        return scheduled_task(os.environ.get("APPDATA") or os.path.join(home, "AppData", "Roaming"))
    return SystemdUnit(UNIT, is_system=False)


def _text(command: Sequence[str], platform: str) -> str:
    """The file of the service. Raises `OperatorError`."""
    folder = os.environ.get(_VARIABLE)
    variables: Mapping[str, str] = {_VARIABLE: os.path.abspath(folder)} if folder else {}
    if platform == "darwin":
        return agent_text(command, os.path.expanduser("~"), variables)
    if platform == "win32":
        if variables:
            raise OperatorError(f"a scheduled task cannot set {_VARIABLE}. Set it for the user with setx instead.")
        return task_text(command, f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}")
    return sync_unit(command, variables)
