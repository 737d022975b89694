"""Yes-or-no questions at the terminal."""

from __future__ import annotations

import sys

from homeftp.cli.terminal.stdstreams import read_line

_MAX_ANSWER = 4096
"""The most bytes that are read of an answer; a terminal gives no longer line."""


def can_ask() -> bool:
    """Whether standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask; anything but y or yes, also the end of the input, is a no. Blocks until the person has answered."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return read_line(_MAX_ANSWER).strip().lower() in (b"y", b"yes")
