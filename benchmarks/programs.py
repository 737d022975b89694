"""The programs that are measured: their servers, and the command lines of their clients.

How they are measured is in measuring.py and loads.py.
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
from typing import Callable, Iterator, Mapping, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from homeftp import __version__ as homeftp_version
from places import Way, find
from tests.support.ports import reserved_port as reserved_port

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
SetEnv SHLVL=1
Subsystem sftp internal-sftp
"""
"""As in a shell below another one, bash does not read ~/.bashrc, which may take longer than what is measured."""
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


Command = Callable[[Path, Path], list[str]]
"""The command line for a file or folder here and its counterpart on the server; both paths are absolute."""


class Program(NamedTuple):
    """A program under measurement: its server's process, and what its client can do."""

    name: str
    server: int
    commands: Mapping[str, Command]
    """Those that there are of `up`, `again` (most of it is there), `down`, `compare`, and `compare all`, which trusts
    no time and no memory."""

    @property
    def copy(self) -> str:
        """The name of its copy on the server: `rsync -c` compares with what rsync has sent."""
        return self.name.replace(" ", "") if "up" in self.commands else self.name.partition(" ")[0]


def homeftp(root: Path, server: int) -> Program:
    """`homeftp push`, `get` and `cmp`; `root` is the folder that the server shares."""

    def words(verb: str, tree: Path) -> list[str]:
        return [*HOMEFTP, verb, *(["-r"] if tree.is_dir() else [])]

    def remote(path: Path) -> str:
        return f"nas:{path.relative_to(root)}"

    def up(here: Path, there: Path) -> list[str]:
        return [*words("push", here), str(here), remote(there)]

    def down(here: Path, there: Path) -> list[str]:
        return [*words("get", there), remote(there), str(here)]

    def compare(here: Path, there: Path) -> list[str]:
        return [*HOMEFTP, "cmp", str(here), remote(there)]

    commands = {"up": up, "again": up, "down": down, "compare": compare, "compare all": compare}
    return Program("homeftp", server, commands)


def sftp(config: Path, server: int) -> Program:
    """OpenSSH's sftp, keeping times as the others do; it sends everything, whatever is there."""

    def command(line: str) -> list[str]:
        batch = config.with_name("batch")
        batch.write_text(line)
        return ["sftp", "-q", "-F", str(config), "-b", str(batch), "nas"]

    commands: dict[str, Command] = {
        "up": lambda here, there: command(f"put -pR {here} {there}\n"),
        "down": lambda here, there: command(f"get -pR {there} {here}\n"),
    }
    return Program("sftp", server, commands)


def rsync(config: Path, server: int, option: str = "") -> Program:
    """rsync over ssh, keeping times as the others do; with -c it only compares, with other options it only sends."""
    name = f"rsync {option}".strip()
    words = [*name.split(), "-a", "-e", f"ssh -F {config}"]

    def ends(source: Path, target: str, tree: Path) -> list[str]:
        return [f"{source}/", f"{target}/"] if tree.is_dir() else [str(source), target]

    def up(here: Path, there: Path) -> list[str]:
        return [*words, *ends(here, f"nas:{there}", here)]

    def down(here: Path, there: Path) -> list[str]:
        return [*words, *reversed(ends(here, f"nas:{there}", there))]

    def compare(here: Path, there: Path) -> list[str]:
        return [*words, "-n", "-i", *ends(here, f"nas:{there}", here)]

    if option == "-c":
        return Program(name, server, {"compare all": compare})
    sending: dict[str, Command] = {"up": up, "again": up}
    return Program(name, server, sending if option else {**sending, "down": down, "compare": compare})


def rclone(config: Path, server: int) -> Program:
    """rclone over sftp; `config` is ssh's, which says where the server is.

    Without hashes: for them it starts a program on the server for each file.
    """
    found = dict(line.split() for line in config.read_text().splitlines() if line)
    given = {"host": "HostName", "port": "Port", "user": "User", "key-file": "IdentityFile"}
    words = ["rclone", "copyto", "--config=", *(f"--sftp-{option}={found[name]}" for option, name in given.items())]
    words.append("--sftp-disable-hashcheck")

    def up(here: Path, there: Path) -> list[str]:
        return [*words, str(here), f":sftp:{there}"]

    def down(here: Path, there: Path) -> list[str]:
        return [*words, f":sftp:{there}", str(here)]

    def compare(here: Path, there: Path) -> list[str]:
        return [*words, "--dry-run", str(here), f":sftp:{there}"]

    return Program("rclone", server, {"up": up, "again": up, "down": down, "compare": compare})


def neighbours(config: Path, server: int) -> list[Program]:
    """Those that are installed; `config` is the configuration of the client of our own sshd."""
    programs = [sftp(config, server)] if shutil.which("sftp") else []
    if shutil.which("rsync"):
        programs += [rsync(config, server, option) for option in ("", "--fsync", "-c")]
    if shutil.which("rclone"):
        programs.append(rclone(config, server))
    return programs


def versions() -> dict[str, str]:
    """The versions of the programs that are installed."""
    found = {"homeftp": homeftp_version, "Python": platform.python_version()}
    for name, command in (
        ("rsync", ["rsync", "--version"]),
        ("OpenSSH", ["ssh", "-V"]),
        ("rclone", ["rclone", "version"]),
    ):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            number = re.search(r"\d+\.\d+[.p\d]*", done.stdout + done.stderr)
            found[name] = number[0] if number else "?"
    return found


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
        if re.search(said, log.read_text()):  # before that a server would count each connection as a client
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        time.sleep(0.05)
    sys.exit(f"the server did not start:\n{log.read_text()}")


@contextlib.contextmanager
def homeftp_server(folder: Path, port: int, *options: str, user: int | None = None) -> Iterator[int]:
    """homeftp's server, sharing `folder`/share; root gives up its rights, and becomes `user`.

    It does not scrub: a minute after its start it would read all files again, for as long as that takes, and the
    processor time of that would be counted for whatever is measured meanwhile.
    """
    log = folder / "homeftp.log"
    listen = f"--listen=tcp:{port}:interface=127.0.0.1"
    state = [f"--state={folder / 'state'}", "--scrub-days=0"]
    arguments = [*HOMEFTP, "serve", str(folder / "share"), *state, listen, *options]
    if user is not None:
        twistd = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", f"--uid={user}", f"--gid={user}"]
        arguments = [*twistd, "homeftp", f"--root={folder / 'share'}", *arguments[len(HOMEFTP) + 2 :]]
    with started(arguments, log) as server:
        listening(port, log, FINGERPRINT)
        yield server


@contextlib.contextmanager
def ssh_server(folder: Path, way: Way = contextlib.nullcontext) -> Iterator[tuple[Path, int]]:
    """An sshd of our own, and the configuration of its client, which takes the way that `way` makes."""
    port = reserved_port()
    folder.mkdir()
    for key in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd wants it when it runs as root
    sshd = find("sshd")
    assert sshd
    with started([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "log") as server, way(port) as told:
        listening(port, folder / "log", "Server listening")
        (folder / "ssh_config").write_text(SSH_CONFIG.format(port=told, folder=folder, user=getpass.getuser()))
        yield folder / "ssh_config", server


def pair(folder: Path, port: int, account: str | None = None) -> None:
    """Make the client a device of an account, of a new one where none is named; $HOMEFTP_HOME is in `folder` then."""
    os.environ["HOMEFTP_HOME"] = str(folder / "client")
    state = f"--state={folder / 'state'}"
    if account is None:
        account = "bench"
        add = [*HOMEFTP, "account", "add", account, state, "--password-stdin"]
        subprocess.run(add, input=PASSWORD, check=True, stdout=subprocess.DEVNULL)
    invite = [*HOMEFTP, "invite", "--json", "--account", account, state]
    invited = json.loads(subprocess.run(invite, check=True, stdout=subprocess.PIPE).stdout)
    paired = [*HOMEFTP, "pair", f"127.0.0.1:{port}", invited["code"], "--name", "nas"]
    subprocess.run(paired, check=True, stdout=subprocess.DEVNULL)


def free_versions() -> None:
    """Remove what the paired server keeps of replaced and removed files, which it writes over next then.

    Otherwise each round takes memory or disk that was never used before, and that costs the server what it gives others
    for nothing.
    """
    prune = [*HOMEFTP, "versions", "nas:", "--prune", "--yes"]
    subprocess.run(prune, check=True, stdout=subprocess.DEVNULL)
