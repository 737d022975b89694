"""What this machine is called, where it is in its network, and what time it is."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timezone


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(timezone.utc)


def own_address() -> str:
    """This machine's address in its network, or its name where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
        except OSError:
            return socket.gethostname()
        address: str = probe.getsockname()[0]
        return address


def own_name() -> str:
    """What this machine is called, as another may keep it in its list of servers."""
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-") or "nas"
