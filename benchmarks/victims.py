"""What is attacked: a server that does not run as root, with a share that makes attacks as expensive as they can be.

The share is made on the disk, before the server starts: a client would take minutes for as many names and versions.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from homeftp.config import DAY, MIB
from homeftp.model import SECOND_US
from homeftp.store.local.versions.naming import version_path
from places import EXT4
from programs import HOMEFTP, homeftp_server, reserved_port

PASSWORD = "a password for the benchmark alone"
NOBODY = 65534

HOME = "people/mallory"
"""The folder of the accounts that attack: all see it as theirs."""

EVERYTHING = "read,add,replace,delete"
ACCOUNTS = {"honest": EVERYTHING, "mallory": EVERYTHING, "reader": "read", "adder": "add"}
"""What each account may do; all but the honest one share a home."""

LARGE, LARGE_SIZE = 64, 256 * MIB
HUGE_SIZE = 4096 * MIB
"""Bytes of sparse files: to hash zeros takes as long as to hash anything else."""

TREE_FOLDERS = 100
"""Folders of the trees that are moved, removed and put back."""

NTFS = ("mkfs.ntfs", "--fast", "--force", "--quiet")
DISK_SIZE = 8192 * MIB
"""Bytes of a file system; its image takes what is written to it."""

STEP_US = 100
"""Between two versions that are made."""


class Victim(NamedTuple):
    """A server: its process, its ports (of its own protocol, HTTPS and SFTP), and the certificate of its CA."""

    process: int
    ports: Sequence[int]
    ca_file: Path


def make_share(share: Path, names: int) -> None:
    """Make `names` files in one directory, as many versions of many files and of one, trees, and large files."""
    home = share / HOME
    for folder in ("large", "many", "one", "versioned"):
        (home / folder).mkdir(parents=True)
    for number in range(LARGE):
        _sparse(home / "large" / f"{number:02}", LARGE_SIZE)
    _sparse(home / "huge", HUGE_SIZE)
    _sparse(home / "huger", HUGE_SIZE)
    for number in range(names):
        (home / "many" / f"f{number:06}").touch()
    for tree in ("moved", "removed", "compared"):
        _make_tree(home / tree, names // 5)
    _make_versions(share, names)
    honest = share / "people" / "honest"
    (honest / "listed").mkdir(parents=True)
    for number in range(200):
        (honest / "listed" / f"f{number:03}").write_bytes(b"%03d" % number)
    (honest / "small").write_bytes(os.urandom(4096))
    (honest / "medium").write_bytes(os.urandom(MIB))


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _make_tree(top: Path, files: int) -> None:
    for number in range(TREE_FOLDERS):
        folder = top / f"d{number:03}"
        folder.mkdir(parents=True)
        for file in range(files // TREE_FOLDERS):
            (folder / f"f{file:04}").write_bytes(b"%d" % file)


def _make_versions(share: Path, versions: int) -> None:
    """Versions as the server keeps them: half of them of as many files, half of them of one file."""
    (share / ".homeftp").mkdir(mode=0o700)
    top = share / ".homeftp" / "versions"
    top.mkdir(mode=0o700)
    began = (int(time.time()) - int(DAY)) // int(DAY) * int(DAY) * SECOND_US
    folders: set[Path] = set()
    for number in range(versions):
        file = f"v{number:06}" if number % 2 else "one"
        names = tuple(part.encode() for part in f"{HOME}/versioned/{file}".split("/"))
        folder, name = version_path(names, began + number * STEP_US)
        where = top.joinpath(*map(os.fsdecode, folder))
        if where not in folders:
            where.mkdir(mode=0o700, parents=True, exist_ok=True)
            folders.add(where)
        (where / os.fsdecode(name)).touch(0o600)


@contextlib.contextmanager
def disk(share: Path, kind: str) -> Iterator[None]:
    """What the folder `share` is on: a new file system in an image beside it, or, with "folder", what is there."""
    share.mkdir()
    if kind == "folder":
        yield
        return
    image = share.with_name("image")
    with image.open("wb") as file:
        file.truncate(DISK_SIZE)
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    make, options = (EXT4, "loop") if kind == "ext4" else (NTFS, f"uid={NOBODY},gid={NOBODY},umask=077")
    subprocess.run([*make, image], check=True, env=environment)
    subprocess.run(["mount", "-t", kind, "-o", options, image, share], check=True, env=environment)
    try:
        with contextlib.suppress(FileNotFoundError):
            (share / "lost+found").rmdir()
        yield
    finally:
        subprocess.run(["umount", share], check=True, env=environment)
        image.unlink()


@contextlib.contextmanager
def victim(folder: Path, names: int) -> Iterator[Victim]:
    """A server with accounts that shares `folder`/share."""
    for name, rights in ACCOUNTS.items():
        home = "people/honest" if name == "honest" else HOME
        add = [*HOMEFTP, "account", "add", name, f"--state={folder / 'state'}", "--password-stdin"]
        access = [f"--home={home}", f"--rights={rights}"]
        subprocess.run([*add, *access], input=f"{PASSWORD}\n".encode(), check=True, stdout=subprocess.DEVNULL)
    make_share(folder / "share", names)
    user = None
    if os.geteuid() == 0:
        user = NOBODY
        folder.chmod(0o755)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder / "state", folder / "share"], check=True)
    ports = [reserved_port() for _ in range(3)]
    listen = [
        f"--{name}=tcp:{port}:interface=127.0.0.1" for name, port in zip(("https", "sftp"), ports[1:], strict=True)
    ]
    with homeftp_server(folder, ports[0], *listen, "--no-announce", user=user) as server:
        yield Victim(server, ports, folder / "state" / "identity" / "ca.crt")
