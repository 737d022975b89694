"""How an argument declares which words a shell may offer for it. `homeftp completion` turns this into a script."""

from __future__ import annotations

from typing import Any

SERVER_NAMES = "_homeftp_server_names"
"""The names of the known servers."""

REMOTE_PATHS = "_homeftp_remote_paths"
"""The shell function that completes names of servers, each with a colon, and paths on them: `NAME:PATH`."""

ANY_PATHS = "_homeftp_any_paths"
"""`NAME:PATH`, or a file on this machine."""


def set_completer(argument: Any, completer: str) -> None:
    """Have a shell complete an argument by one of the functions named above."""
    argument.complete = {"bash": completer, "zsh": completer, "fish": f"({completer})"}


def completer_of(argument: Any) -> str | None:
    """The function that `set_completer` gave an argument; None without one."""
    complete: dict[str, str] = getattr(argument, "complete", {})
    return complete.get("bash")
