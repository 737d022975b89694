"""This machine: its name, its address in the network, the time, the umask, and which process holds a lock."""

from __future__ import annotations

import os
import re
import socket
from datetime import datetime, timezone
from typing import Callable

_UNUSED = ("192.0.2.1", 9)
"""An address that no machine has (RFC 5737), and the port that discards all (RFC 863)."""

_OCTAL = 8

_PRIVATE = 0o077
"""The umask that leaves others nothing."""


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(timezone.utc)


def own_address() -> str:
    """This machine's address in its network; where it has none, its name in the next one. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_UNUSED)
        except OSError:
            return f"{own_name()}.local"
        address: str = probe.getsockname()[0]
        return address


def user_folder(path: Callable[[], object]) -> str | None:
    """The folder that a function of platformdirs gives; None for a user without a home."""
    try:
        found = str(path())
    except RuntimeError:  # no HOME, and no entry in passwd(5); older versions give a relative path
        return None
    return found if os.path.isabs(found) else None


def own_name() -> str:
    """This machine's name, in the form in which others keep it in their list of servers."""
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-") or "nas"


def own_umask(status: str = "/proc/self/status") -> int:
    """The umask of this process, which stays as it is; where the system does not tell, that of a private file.

    umask(2) can only be read by setting it, which a library must not do: other threads make files meanwhile (proc(5)).
    """
    try:
        with open(status, encoding="utf-8", errors="replace") as lines:
            return next((int(line.split()[1], _OCTAL) for line in lines if line.startswith("Umask:")), _PRIVATE)
    except OSError:
        return _PRIVATE


def lock_holder(fd: int, locks: str = "/proc/locks") -> int | None:
    """The pid of the process that holds a flock(2) on this open file; None where the system does not tell (proc(5))."""
    found = os.fstat(fd)
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        with open(locks, encoding="ascii") as listed:
            held = [line.split() for line in listed]
    except OSError:
        return None
    # 5: FLOCK  ADVISORY  WRITE 7626 fe:00:1686199 0 EOF; one that waits has `->` before its kind
    holders = [words[2:] for words in held if words[1] == "FLOCK" and file in words]
    pids = [int(pid) for _, _, pid, *_ in holders]
    return next((pid for pid in pids if pid > 0), None)
