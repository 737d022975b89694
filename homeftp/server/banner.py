"""The lines that the server prints when it has started: addresses, accounts, and what to type on another machine."""

from __future__ import annotations

import os
import shlex
from typing import Sequence

import msgspec

from homeftp.accounts.database import default_state_dir
from homeftp.config import DEFAULT_PORT, MINUTE, Settings
from homeftp.errors import OperatorError, counted
from homeftp.host import own_address, own_name
from homeftp.server.json.frontend import JsonFrontEnd

FIRST_CODE_SECONDS = 10 * MINUTE
"""How long the code of the very first start is valid."""


class ListeningAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint description, and the address that is listened on."""

    description: str
    address: object
    immediate_tls: bool

    @property
    def host(self) -> str | None:
        """The host of an internet address, in the form before a port; None for a local socket."""
        host = getattr(self.address, "host", None)
        return f"[{host}]" if host is not None and ":" in host else host

    def line(self) -> str:
        """One line for the owner, with the actual port."""
        actual = "" if self.host is None else f" ({self.host}:{getattr(self.address, 'port', 0)})"
        tls = ", TLS from the first byte" if self.immediate_tls else ""
        return f"listening  {self.description}{actual}{tls}"

    def reachable(self) -> str:
        """The address to type on another machine."""
        if self.host is None:
            name = getattr(self.address, "name", b"")
            return f"unix:{os.fsdecode(name)}"
        host = own_address() if self.host in ("0.0.0.0", "[::]") else self.host
        port = getattr(self.address, "port", DEFAULT_PORT)
        return host if port == DEFAULT_PORT else f"{host}:{port}"


def listening_addresses(json: JsonFrontEnd) -> list[ListeningAddress]:
    """The addresses that the JSON front end listens on."""
    return [
        ListeningAddress(description=one.description, address=one.address, immediate_tls=one in json.tls)
        for one in (*json.plain, *json.tls)
    ]


def reachable(listened: Sequence[ListeningAddress]) -> str:
    """The address of the server to type on another machine; "" where an address is not enough."""
    plain = next((one for one in listened if not one.immediate_tls), None)
    return "" if plain is None else plain.reachable()


class LoginMethods(msgspec.Struct, frozen=True, kw_only=True):
    """How clients can log in."""

    accounts: Sequence[str] | None
    """The names of the server's own accounts; None where `--auth` replaces them."""
    password: str | None
    """An account that has a password."""
    code: str | None
    """A code for pairing the first device, which is shown at a terminal only (`first_code`)."""


def banner(
    settings: Settings,
    listened: Sequence[ListeningAddress],
    methods: LoginMethods,
    *,
    fingerprint: str,
    read_only: str | None,
    others: Sequence[str] = (),
) -> list[str]:
    """The lines, which may be logged. `read_only` is why nothing can be changed, or None; `others` are front ends'."""
    only = f" (only {', '.join(settings.filetypes)})" if settings.filetypes else ""
    lines = [
        f"sharing    {settings.root}{only}",
        *(one.line() for one in listened),
        *others,
        f"identity   {fingerprint}",
    ]
    if read_only is not None:
        lines.insert(1, f"read-only  {read_only}")
    if methods.accounts is None:
        lines.append("accounts   those of --auth")
    else:
        lines.append(f"accounts   {', '.join(methods.accounts) or 'none yet'}")
    address = reachable(listened)
    if not address:
        return lines
    if methods.code is None:
        lines.append(f"To add a device, also while this runs:   homeftp invite{_state_option(settings.state)}")
    if methods.password is not None:
        remote = f"{own_name()} {address} --user {methods.password} --fingerprint {fingerprint}"
        lines += ["With a password, on another machine:", f"  homeftp remote add {remote}"]
    return lines


def _state_option(state: str) -> str:
    """The option by which the owner's commands find the state folder, also while the server is stopped."""
    try:
        is_default = state == default_state_dir(os.environ)
    except OperatorError:
        is_default = False
    return "" if is_default else f" --state {shlex.quote(state)}"


def first_code(address: str, code: str) -> list[str]:
    """Advice for the first device: for a person, and never for a log."""
    minutes = int(FIRST_CODE_SECONDS / MINUTE)
    return [
        f"Run this on the first device within {counted(minutes, 'minute')}:   homeftp pair {address}",
        f"It asks for this code, which works once:   {code}",
    ]
