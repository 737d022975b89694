"""How an exception ends a command: one line on standard error, and an exit status. No traceback reaches a person."""

from __future__ import annotations

import os
import sys

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import printable

TRACEBACK = "HOMEFTP_TRACEBACK"
"""The environment variable that makes an unexpected exception show its traceback."""


def tracebacks_wanted() -> bool:
    """Whether the environment asks for the traceback of an unexpected exception."""
    return bool(os.environ.get(TRACEBACK))


def report_failure(error: Exception, label: str = "") -> Exit:
    """Print why a command failed; returns the exit status. A `label` says which part of it did.

    An exception that no command is expected to raise is raised again where tracebacks are wanted.
    """
    from homeftp.client import ConnectionFailed, Corrupted
    from homeftp.errors import OperatorError, Refusal, UntrustedServer

    prefix = f"{label}: " if label else ""
    if isinstance(error, OperatorError):
        print_error(f"{prefix}{error}")
        return Exit.USAGE
    if isinstance(error, Refusal) and not isinstance(error, Corrupted):
        print_error(f"{prefix}{error.message}")
        return Exit.REFUSED
    if isinstance(error, UntrustedServer | ConnectionFailed | Corrupted):
        print_error(f"{prefix}{error}")
        return Exit.UNREACHABLE
    if isinstance(error, OSError) and error.filename is not None:
        print_error(f"{prefix}{os.fsdecode(error.filename)}: {error.strerror}")
        return Exit.USAGE
    if tracebacks_wanted():
        raise error
    what = f"{type(error).__name__}: {error}"
    print_error(f"{prefix}internal error in homeftp: {what}. Set {TRACEBACK}=1 to see the traceback.")
    return Exit.FAULT


def print_error(message: str) -> None:
    """Print one line on standard error. Control characters, which a server may have sent, are escaped."""
    print(f"homeftp: {printable(message)}", file=sys.stderr)


def print_not_shared(name: str, reason: str) -> None:
    """Print that the server does not share something of a folder, and why."""
    print_error(f"not shared: {name}: {reason}")
