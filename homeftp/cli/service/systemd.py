"""A systemd unit of the system or of a user: writes its file, and has systemctl start, watch and remove it. Blocks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

import attrs

from homeftp.errors import OperatorError

SYSTEM_FOLDER = "/etc/systemd/system"


@attrs.frozen
class SystemdUnit:
    """The unit `name`, which ends in `.service`."""

    name: str
    is_system: bool
    """For the machine, by root; otherwise for the user who runs this."""

    @property
    def path(self) -> str:
        """The file of the unit."""
        if self.is_system:
            return os.path.join(SYSTEM_FOLDER, self.name)
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return os.path.join(config, "systemd", "user", self.name)

    @property
    def start_command(self) -> str:
        """The command that starts it now and with the machine or the user's session, for people."""
        return shlex.join(self._command("enable", "--now", self.name))

    @property
    def log_command(self) -> str:
        """The command that shows its log, for people."""
        return shlex.join(("journalctl", "-u" if self.is_system else "--user-unit", self.name, "-n", "20"))

    def require(self) -> None:
        """Raise `OperatorError` where it cannot be installed."""
        if shutil.which("systemctl") is None:
            raise OperatorError(
                "this machine has no systemd (systemctl). `homeftp service install --print` shows the unit."
            )
        if self.is_system and os.geteuid() != 0:
            raise OperatorError("a service of the system is installed by root: run it with sudo, or use --user.")

    def write(self, text: str) -> None:
        """Write its file, and let systemd read that. Raises `OperatorError`."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(self.path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        except OSError as error:
            hint = " Run it with sudo, or with --user." if isinstance(error, PermissionError) else ""
            raise OperatorError(f"cannot write {self.path}: {error.strerror}.{hint}") from None
        self._systemctl("daemon-reload")

    def start(self) -> None:
        """Start it, again if it runs, and from then on with the machine or the user's session. Raises `OperatorError`.

        systemd starts a unit that failed often only after `reset-failed`.
        """
        self._systemctl("enable", self.name)
        self._run("reset-failed", self.name)
        self._systemctl("restart", self.name)

    def has_failed(self) -> bool:
        """Whether its process has ended by itself since `start`."""
        shown = self._run("show", self.name, "--property=ActiveState,NRestarts").stdout
        fields = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return fields.get("ActiveState") == "failed" or fields.get("NRestarts", "0") != "0"

    def remove(self) -> None:
        """Stop it and remove its file. Raises `OperatorError`."""
        if not os.path.exists(self.path):
            raise OperatorError(f"there is no {self.path}: nothing was installed.")
        self.require()
        self._systemctl("disable", "--now", self.name)
        try:
            os.unlink(self.path)
        except OSError as error:
            raise OperatorError(f"cannot remove {self.path}: {error.strerror}.") from None
        self._systemctl("daemon-reload")

    def _systemctl(self, *arguments: str) -> None:
        """Run systemctl; raises `OperatorError` with what it says."""
        done = self._run(*arguments)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise OperatorError(
                f"`{shlex.join(self._command(*arguments))}` failed: {said}. When the problem is solved, run that "
                "command again."
            )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, check=False)

    def _command(self, *arguments: str) -> list[str]:
        return ["systemctl", *(() if self.is_system else ("--user",)), *arguments]
