"""Yes-or-no questions at the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from homeftp.cli.terminal.daemonthread import DaemonThread
from homeftp.cli.terminal.stdstreams import read_line

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads

MAX_ANSWER = 4096
"""The most bytes that are read of an answer; a terminal gives no longer line."""


def can_ask() -> bool:
    """Whether standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask; anything but y or yes, also the end of the input, is a no. Blocks until the person has answered."""
    print_question(question)
    answer = read_line(MAX_ANSWER)
    if not answer:
        print(file=sys.stderr)  # Ctrl-D ends no line
    return is_yes(answer)


async def confirm_in_thread(reactor: IReactorFromThreads, question: str) -> bool:
    """`confirm` while the reactor runs: the connection stays alive meanwhile, and Ctrl-C ends the question."""
    return await DaemonThread(reactor).call(confirm, question)


def print_question(question: str) -> None:
    """Print a question whose answer `is_yes` understands."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)


def is_yes(answer: bytes) -> bool:
    """Whether the line is y or yes."""
    return answer.strip().lower() in (b"y", b"yes")
