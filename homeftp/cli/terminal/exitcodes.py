"""The exit codes of the command line."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """The exit codes of `homeftp`; scripts rely on them."""

    DONE = 0
    """Done, or the copies are the same."""
    DIFFERS = 1
    """Compared, and the copies differ; or a transfer left something unchanged."""
    USAGE = 2
    """The command is wrong, or this machine cannot carry it out."""
    REFUSED = 3
    """The server refused."""
    UNREACHABLE = 4
    """No connection, a server that could not prove its identity, or content that failed verification."""
    FAULT = 70
    """A bug in homeftp (EX_SOFTWARE of sysexits(3))."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP."""
    BROKEN_PIPE = 141
    """The reader of standard output has closed it."""
