"""What the server says when it has started: where, what, to whom, and the line to type on the other machine."""

from __future__ import annotations

import re
import socket
from typing import Sequence

from homeftp.config import DEFAULT_PORT


def _listening(description: str, bound: object, suffix: str) -> str:
    """An endpoint as it was named, and what it is in truth: the port that 0 became."""
    host, port = getattr(bound, "host", None), getattr(bound, "port", None)
    truth = "" if host is None else f" ([{host}]:{port})" if ":" in host else f" ({host}:{port})"
    return f"listening  {description}{truth}{suffix}"


def _address(bound: Sequence[object]) -> str:
    """The address to type elsewhere: the port that is really bound, under this machine's name."""
    for address in bound:
        port = getattr(address, "port", None)
        host = getattr(address, "host", None)
        if port is None or host is None:
            continue
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        elif ":" in host:
            host = f"[{host}]"
        return host if port == DEFAULT_PORT else f"{host}:{port}"
    for address in bound:
        name = getattr(address, "name", None)
        if name is not None:
            return f"unix:{name.decode() if isinstance(name, bytes) else name}"
    return socket.gethostname()


def _remote_name() -> str:
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-") or "nas"


def announcement(
    *,
    root: str,
    plain: Sequence[tuple[str, object]],
    tls: Sequence[tuple[str, object]],
    accounts: Sequence[str],
    fingerprint: str,
    state: str,
    filetypes: Sequence[str],
    own_checker: bool,
) -> list[str]:
    """The lines. `plain` and `tls` are the endpoints, each with the address that is really listened on."""
    lines = [f"sharing    {root}" + (f" (only {', '.join(filetypes)})" if filetypes else "")]
    lines += [_listening(description, bound, "") for description, bound in plain]
    lines += [_listening(description, bound, ", TLS from the first byte") for description, bound in tls]
    lines.append(f"identity   {fingerprint}")
    if not own_checker:
        lines.append("accounts   those of --auth")
    elif accounts:
        lines.append(f"accounts   {', '.join(accounts)}")
    else:
        lines.append(f"accounts   none yet. To add one:  homeftp account add NAME --state {state}")
    user = accounts[0] if own_checker and accounts else "NAME"
    lines.append("on another machine:")
    lines.append(
        f"  homeftp remote add {_remote_name()} {_address([bound for _, bound in plain])} --user {user} --fingerprint {fingerprint}"
    )
    return lines
