"""Asking for a password: at the terminal without echo, or on standard input for scripts.

A password is never taken from the command line or the environment, which other users of the machine can read
(ps(1), proc(5)).
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Callable, Iterator

from homeftp.cli.terminal.stdstreams import read_line
from homeftp.errors import OperatorError

_MAX_LINE = 4096
"""The most bytes that are read of the line on standard input."""


def read_password(from_stdin: bool, prompt: str, *, check: Callable[[str], str] | None = None) -> str:
    """A password: the first line of standard input, or typed at the terminal.

    `check` is for a new password: it raises `OperatorError` for a bad one and returns it as it is to be stored. A new
    password is typed twice. Raises `OperatorError` when no password is given, or there is no terminal to ask at.
    """
    typed = _from_stdin() if from_stdin else _ask(prompt)
    if not typed:
        raise OperatorError("no password was given.")
    try:
        typed.encode("utf-8")
    except UnicodeEncodeError:
        raise OperatorError("the password is not valid UTF-8.") from None
    if check is None:
        return typed
    password = check(typed)
    if not from_stdin and _ask("Repeat the password: ") != typed:
        raise OperatorError("the two passwords differ. Nothing was changed.")
    return password


@contextlib.contextmanager
def terminal_restored() -> Iterator[None]:
    """Give standard input its settings back at the end, such as the echo that is off while a password is typed.

    For a password that a daemon thread asks for: the thread does not do it when the process ends meanwhile.
    """
    if not sys.stdin.isatty() or os.name != "posix":
        yield
        return
    import termios  # POSIX only

    settings = termios.tcgetattr(sys.stdin.fileno())
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)


def _from_stdin() -> str:
    line = read_line(_MAX_LINE)
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _ask(prompt: str) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise OperatorError("cannot ask for the password without a terminal. Use --password-stdin to pipe it in.")
    try:
        return getpass.getpass(prompt)
    except EOFError:
        print(file=sys.stderr)  # Ctrl-D ends no line
        return ""
