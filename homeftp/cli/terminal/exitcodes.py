"""The exit statuses of the command line."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """The exit statuses of `homeftp`; scripts rely on them."""

    DONE = 0
    """Done, or the same."""
    DIFFERS = 1
    """Compared, and not the same."""
    USAGE = 2
    """The command cannot be carried out as it was given, or not on this machine."""
    REFUSED = 3
    """The server refused."""
    UNREACHABLE = 4
    """There is no connection, or the server could not prove who it is, or what it sent is not to be trusted."""
    FAULT = 70
    """homeftp itself is at fault (EX_SOFTWARE of sysexits(3))."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """Whoever read the output has gone."""
