"""The programs that transfer.py measures: their servers, and the command lines of their clients.

How they are measured is transfer.py's.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from homeftp import __version__ as homeftp_version

HOMEFTP = [sys.executable, "-m", "homeftp"]
FINGERPRINT = "SHA256:[0-9a-f]{64}"
PASSWORD = b"a password for the benchmark alone\n"
SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
SSH_CONFIG = """\
Host nas
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/client
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""


class Program(NamedTuple):
    """A program under measurement: the process of its server, and the client's command line for a transfer.

    It is made of the direction (upwards or not), the source and the target;
    paths on the server's side are absolute.
    """

    name: str
    server: int
    command: Callable[[bool, Path, Path], list[str]]


def homeftp(root: Path, server: int) -> Program:
    """`homeftp push` and `get`; `root` is the folder that the server shares."""

    def command(upwards: bool, source: Path, target: Path) -> list[str]:
        recursive = ["-r"] if source.is_dir() else []
        if upwards:
            return [*HOMEFTP, "push", *recursive, str(source), f"nas:{target.relative_to(root)}"]
        return [*HOMEFTP, "get", *recursive, f"nas:{source.relative_to(root)}", str(target)]

    return Program("homeftp", server, command)


def sftp(config: Path, server: int) -> Program:
    """OpenSSH's sftp, keeping times as the others do."""

    def command(upwards: bool, source: Path, target: Path) -> list[str]:
        batch = config.with_name("batch")
        batch.write_text(f"{'put' if upwards else 'get'} -pR {source} {target}\n")
        return ["sftp", "-q", "-F", str(config), "-b", str(batch), "nas"]

    return Program("sftp", server, command)


def rsync(config: Path, server: int, *options: str) -> Program:
    """rsync over ssh, keeping times as the others do."""

    def command(upwards: bool, source: Path, target: Path) -> list[str]:
        slash = "/" if source.is_dir() else ""
        ends = [f"{source}{slash}", f"nas:{target}{slash}"] if upwards else [f"nas:{source}{slash}", f"{target}{slash}"]
        return ["rsync", "-a", *options, "-e", f"ssh -F {config}", *ends]

    return Program(" ".join(("rsync", *options)), server, command)


def versions() -> dict[str, str]:
    """The versions of the programs that are installed."""
    found = {"homeftp": homeftp_version, "Python": platform.python_version()}
    for name, command in (("rsync", ["rsync", "--version"]), ("OpenSSH", ["ssh", "-V"])):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            number = re.search(r"\d+\.\d+[.p\d]*", done.stdout + done.stderr)
            found[name] = number[0] if number else "?"
    return found


def free_port() -> int:
    """A free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(arguments: list[str], log: Path) -> Iterator[int]:
    """A server in the foreground, by its process id; stopped at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def listening(port: int, log: Path, said: str) -> None:
    """Wait until a server accepts on `port` and has said that it does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if re.search(said, log.read_text()):
                return
        time.sleep(0.05)
    sys.exit(f"the server did not start:\n{log.read_text()}")


@contextlib.contextmanager
def homeftp_server(folder: Path, port: int, *options: str) -> Iterator[int]:
    """homeftp's server, sharing `folder`/share."""
    log = folder / "homeftp.log"
    listen = f"--listen=tcp:{port}:interface=127.0.0.1"
    arguments = [*HOMEFTP, "serve", str(folder / "share"), f"--state={folder / 'state'}", listen, *options]
    with started(arguments, log) as server:
        listening(port, log, FINGERPRINT)
        yield server


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[Path, int]]:
    """An sshd of our own, and the configuration of its client."""
    port = free_port()
    folder.mkdir()
    for key in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(SSH_CONFIG.format(port=port, folder=folder, user=getpass.getuser()))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd wants it when it runs as root
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert sshd
    with started([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "log") as server:
        listening(port, folder / "log", "Server listening")
        yield folder / "ssh_config", server


def pair(folder: Path, port: int) -> None:
    """Make an account on the server and the client a device of it; $HOMEFTP_HOME is in `folder` from here on."""
    os.environ["HOMEFTP_HOME"] = str(folder / "client")
    state = f"--state={folder / 'state'}"
    add = [*HOMEFTP, "account", "add", "bench", state, "--password-stdin"]
    subprocess.run(add, input=PASSWORD, check=True, stdout=subprocess.DEVNULL)
    invite = [*HOMEFTP, "invite", "--json", "--account", "bench", state]
    invited = json.loads(subprocess.run(invite, check=True, stdout=subprocess.PIPE).stdout)
    paired = [*HOMEFTP, "pair", f"127.0.0.1:{port}", invited["code"], "--name", "nas"]
    subprocess.run(paired, check=True, stdout=subprocess.DEVNULL)
