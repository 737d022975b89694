"""This machine: its name, its address in the network, and the time."""

from __future__ import annotations

import os
import re
import socket
from datetime import datetime, timezone
from typing import Callable

_UNUSED = ("192.0.2.1", 9)
"""An address that no machine has (RFC 5737), and the port that discards all (RFC 863)."""


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(timezone.utc)


def own_address() -> str:
    """This machine's address in its network, or its name where it has none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_UNUSED)
        except OSError:
            return socket.gethostname()
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
