"""What the server says when it has started: where, what, to whom, and the line to type on the other machine."""

from __future__ import annotations

import os
import shlex
from typing import Sequence

import attrs

from homeftp.accounts.database import default_state_dir
from homeftp.config import DEFAULT_PORT, Settings
from homeftp.host import own_address, own_name

FIRST_SECONDS = 600
"""For so long the code is good that the very first start makes."""


@attrs.frozen(kw_only=True)
class ListeningAddress:
    """An endpoint as it was named, and the address that it is in truth."""

    description: str
    address: object
    immediate_tls: bool

    @property
    def host(self) -> str | None:
        """The host of an internet address, as it stands before a port; None for a local socket."""
        host = getattr(self.address, "host", None)
        return f"[{host}]" if host is not None and ":" in host else host

    def line(self) -> str:
        """One line for the owner; the port is the one that 0 became."""
        truth = "" if self.host is None else f" ({self.host}:{getattr(self.address, 'port', 0)})"
        tls = ", TLS from the first byte" if self.immediate_tls else ""
        return f"listening  {self.description}{truth}{tls}"

    def reachable(self) -> str:
        """What to type on another machine."""
        if self.host is None:
            name = getattr(self.address, "name", b"")
            return f"unix:{os.fsdecode(name)}"
        host = own_address() if self.host in ("0.0.0.0", "[::]") else self.host
        port = getattr(self.address, "port", DEFAULT_PORT)
        return host if port == DEFAULT_PORT else f"{host}:{port}"


def reachable(listened: Sequence[ListeningAddress]) -> str:
    """What to type on another machine to reach the server; "" where that takes more than an address."""
    plain = next((one for one in listened if not one.immediate_tls), None)
    return "" if plain is None else plain.reachable()


@attrs.frozen(kw_only=True)
class LoginMethods:
    """Who may come in."""

    accounts: Sequence[str] | None
    """Our own; None when others check who comes in."""
    password: str | None
    """One of those that have a password."""
    code: str | None
    """A code with which the first device may pair."""


def banner(
    settings: Settings,
    listened: Sequence[ListeningAddress],
    known: LoginMethods,
    *,
    fingerprint: str,
    read_only: str | None,
) -> list[str]:
    """The lines. `read_only` is why nothing can change."""
    only = f" (only {', '.join(settings.filetypes)})" if settings.filetypes else ""
    lines = [f"sharing    {settings.root}{only}", *(one.line() for one in listened), f"identity   {fingerprint}"]
    if read_only is not None:
        lines.insert(1, f"read-only  {read_only}")
    if known.accounts is None:
        lines.append("accounts   those of --auth")
    else:
        lines.append(f"accounts   {', '.join(known.accounts) or 'none yet'}")
    address = reachable(listened)
    if not address:
        return lines
    if known.code is not None:
        minutes = FIRST_SECONDS // 60
        lines.append(f"To add a device within {minutes} minutes, once:   homeftp pair {address} {known.code}")
    else:
        state = "" if settings.state == default_state_dir(os.environ) else f" --state {shlex.quote(settings.state)}"
        lines.append(f"To add a device, also while this runs:   homeftp invite{state}")
    if known.password is not None:
        remote = f"{own_name()} {address} --user {known.password} --fingerprint {fingerprint}"
        lines += ["With a password, on another machine:", f"  homeftp remote add {remote}"]
    return lines
