"""Login services of macOS and Windows: an agent of launchd, a scheduled task. Blocks."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
from typing import Mapping, Sequence
from xml.sax.saxutils import escape

import attrs

from homeftp.errors import OperatorError

AGENT = "homeftp.sync"
TASK = "homeftp-sync"

_RESTART_SECONDS = 60

_TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Keeps folders in step with a homeftp server.</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>{user}</UserId></LogonTrigger></Triggers>
  <Principals><Principal id="Author">
    <UserId>{user}</UserId><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel>
  </Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author"><Exec><Command>{program}</Command><Arguments>{arguments}</Arguments></Exec></Actions>
</Task>
"""


@attrs.frozen(kw_only=True)
class StartedProgram:
    """A file, and the commands that start and stop what it describes."""

    path: str
    encoding: str
    starting: Sequence[Sequence[str]]
    """The commands that start it, instead of one that runs."""
    stopping: Sequence[Sequence[str]]
    """The commands that stop it for good."""
    may_fail: Sequence[str]
    """The one among them that fails where nothing runs."""

    def require(self) -> None:
        """Raise `OperatorError` where it cannot be installed."""
        program = self.stopping[0][0]
        if shutil.which(program) is None:
            raise OperatorError(
                f"this machine has no {program}. `homeftp service install --sync --print` shows its file."
            )

    def write(self, text: str) -> None:
        """Write its file. Raises `OperatorError`."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(self.path, "wb") as file:
                file.write(text.encode(self.encoding))
        except OSError as error:
            raise OperatorError(f"cannot write {self.path}: {error.strerror}.") from None

    def start(self) -> None:
        """Start it, again if it runs, and from then on at each login. Raises `OperatorError`."""
        self._run(self.starting)

    def remove(self) -> None:
        """Stop it and remove its file. Raises `OperatorError`."""
        if not os.path.exists(self.path):
            raise OperatorError(f"there is no {self.path}: nothing was installed.")
        self.require()
        self._run(self.stopping)
        try:
            os.unlink(self.path)
        except OSError as error:
            raise OperatorError(f"cannot remove {self.path}: {error.strerror}.") from None

    def _run(self, commands: Sequence[Sequence[str]]) -> None:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode and command != self.may_fail:
                said = " ".join((done.stderr or done.stdout).split())
                raise OperatorError(
                    f"`{shlex.join(command)}` failed: {said}. When the problem is solved, run that command again."
                )


def launch_agent(home: str) -> StartedProgram:
    """The agent of launchd, for the user with the home folder `home`."""
    path = os.path.join(home, "Library", "LaunchAgents", f"{AGENT}.plist")
    domain = f"gui/{os.getuid()}"
    stop = ("launchctl", "bootout", f"{domain}/{AGENT}")
    start = ("launchctl", "bootstrap", domain, path)
    return StartedProgram(path=path, encoding="utf-8", starting=[stop, start], stopping=[stop], may_fail=stop)


def agent_text(command: Sequence[str], home: str, variables: Mapping[str, str]) -> str:
    """The property list of an agent that runs `command` with these environment variables."""
    fields = {
        "Label": AGENT,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": _RESTART_SECONDS,
        "ProcessType": "Background",
        "StandardErrorPath": os.path.join(home, "Library", "Logs", f"{AGENT}.log"),
    }
    return plistlib.dumps(fields).decode()


def scheduled_task(folder: str) -> StartedProgram:
    """The task of Windows, whose file is in the user's `folder` for applications."""
    path = os.path.join(folder, "homeftp", f"{TASK}.xml")
    end = ("schtasks", "/End", "/TN", TASK)
    create, run = ("schtasks", "/Create", "/TN", TASK, "/XML", path, "/F"), ("schtasks", "/Run", "/TN", TASK)
    delete = ("schtasks", "/Delete", "/TN", TASK, "/F")
    return StartedProgram(
        path=path, encoding="utf-16", starting=[end, create, run], stopping=[end, delete], may_fail=end
    )


def task_text(command: Sequence[str], user: str) -> str:
    """The description of a task that runs `command` when `user` logs in."""
    program, *arguments = command
    return _TASK.format(
        user=escape(user), program=escape(program), arguments=escape(subprocess.list2cmdline(arguments))
    )
