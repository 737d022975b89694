"""SFTP: what homeftp's server costs beside OpenSSH's, with the same cipher and OpenSSH's client, or rclone.

One large file up and down, in processor seconds of the server for each GiB, and small files, in milliseconds of the
server's processor for each: by one client that waits for each answer, and by one that sends 16 at a time. homeftp's are
durable when they are closed. frontends.py runs this.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from measuring import run
from programs import HOMEFTP, free_versions, homeftp_server, pair, reserved_port, ssh_server

SMALL = 4096
MILLISECONDS = 1000
CIPHER = "aes128-gcm@openssh.com"


class SftpTarget(NamedTuple):
    """One server: its process, how OpenSSH's client and rclone reach it, and the folder where files go."""

    name: str
    process: int
    openssh: list[str]
    rclone: str
    folder: str

    def sftp(self, folder: Path, *commands: str) -> list[str]:
        """A command line that runs these commands."""
        batch = folder / f"batch-{self.name}"
        batch.write_text("\n".join(commands) + "\n")
        return ["sftp", "-q", "-c", CIPHER, "-b", str(batch), *self.openssh]


@contextlib.contextmanager
def openssh(folder: Path) -> Iterator[SftpTarget]:
    """OpenSSH's server."""
    root = folder / "openssh-root"
    root.mkdir()
    with ssh_server(folder / "ssh") as (config, process):
        text = config.read_text()
        port = next(line.split()[1] for line in text.splitlines() if "Port" in line)
        user = next(line.split()[1] for line in text.splitlines() if "User " in line)
        remote = f":sftp,host=127.0.0.1,port={port},user={user},key_file={folder / 'ssh' / 'client'}"
        yield SftpTarget("openssh", process, ["-F", str(config), "nas"], remote, str(root))


@contextlib.contextmanager
def homeftp_sftp(folder: Path) -> Iterator[SftpTarget]:
    """homeftp with one account that has the same key."""
    served = folder / "served"
    state = f"--state={served / 'state'}"
    served.mkdir()
    (served / "state").mkdir(mode=0o700)
    (served / "share").mkdir()
    add = [*HOMEFTP, "account", "add", "ann", state, "--password-stdin"]
    subprocess.run(add, input=b"a password for measuring\n", check=True, stdout=subprocess.DEVNULL)
    public = (folder / "ssh" / "client.pub").read_bytes()
    subprocess.run([*HOMEFTP, "device", "add-key", "key", state], input=public, check=True, stdout=subprocess.DEVNULL)
    port, sftp = reserved_port(), reserved_port()
    key = folder / "ssh" / "client"
    with homeftp_server(served, port, f"--sftp=tcp:{sftp}:interface=127.0.0.1", "--no-announce") as process:
        pair(served, port, "ann")
        options = [f"Port={sftp}", f"IdentityFile={key}", "IdentitiesOnly=yes", "StrictHostKeyChecking=no"]
        options += ["UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        words = [word for option in options for word in ("-o", option)]
        remote = f":sftp,host=127.0.0.1,port={sftp},user=ann,key_file={key}"
        yield SftpTarget("homeftp", process, [*words, "ann@127.0.0.1"], remote, "")


def sftp(folder: Path, source: Path, rounds: int, files: int) -> dict[str, dict[str, float]]:
    """The medians of all rounds, with so many small files."""
    size = source.stat().st_size
    small = folder / "small"
    small.mkdir()
    for number in range(files):
        (small / str(number)).write_bytes(os.urandom(SMALL))
    back = folder / "back"

    def put(server: SftpTarget) -> float:
        cost = run(server.sftp(folder, f"put {source} {server.folder}/large"), server.process)
        return cost.server * (1 << 30) / size

    def get(server: SftpTarget) -> float:
        cost = run(server.sftp(folder, f"get {server.folder}/large {back}"), server.process)
        return cost.server * (1 << 30) / size

    def put_small(server: SftpTarget) -> float:
        cost = run(server.sftp(folder, f"put -r {small} {server.folder}/small"), server.process)
        return cost.server * MILLISECONDS / files

    def get_small(server: SftpTarget) -> float:
        shutil.rmtree(back, ignore_errors=True)
        cost = run(server.sftp(folder, f"get -r {server.folder}/small {back}"), server.process)
        return cost.server * MILLISECONDS / files

    def rclone(server: SftpTarget) -> float:
        remote = f"{server.rclone},disable_hashcheck=true,shell_type=none:{server.folder}/copied"
        options = ["--config", os.devnull, "--transfers", "16"]
        cost = run(["rclone", "copy", str(small), remote, *options], server.process)
        subprocess.run(["rclone", "purge", remote, *options], check=True)
        return cost.server * MILLISECONDS / files

    def end(server: SftpTarget) -> None:
        back.unlink(missing_ok=True) if not back.is_dir() else shutil.rmtree(back)
        commands = (f"rm {server.folder}/small/*", f"rmdir {server.folder}/small")
        subprocess.run(server.sftp(folder, *commands), check=True, stdout=subprocess.DEVNULL)

    steps: dict[str, Callable[[SftpTarget], float]] = {
        "put, s/GiB": put,
        "get, s/GiB": get,
        "small put, ms": put_small,
        "small get, ms": get_small,
        "rclone copy, ms": rclone,
    }
    found: dict[str, dict[str, list[float]]] = {step: {} for step in steps}
    with openssh(folder) as one, homeftp_sftp(folder) as other:
        for number in range(rounds + 1):
            for step, measure in steps.items():
                for server in (one, other):
                    value = measure(server)
                    if back.is_file():
                        back.unlink()
                    if number:  # the first round warms up
                        found[step].setdefault(server.name, []).append(value)
            for server in (one, other):
                end(server)
            free_versions()
    return {step: {name: statistics.median(values) for name, values in each.items()} for step, each in found.items()}


def missing() -> list[str]:
    """The programs that it needs and that are not installed."""
    return [name for name in ("sftp", "sshd", "rclone") if not shutil.which(name)]


if __name__ == "__main__":
    sys.exit("run frontends.py")
