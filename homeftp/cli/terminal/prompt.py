"""Asking for a password: at the terminal without echo, or on standard input for scripts.

A password is never taken from the command line or the environment, which other users of the machine can read
(ps(1), proc(5)).
"""

from __future__ import annotations

import sys
from typing import Callable

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
        raise OperatorError("No password was given.")
    try:
        typed.encode("utf-8")
    except UnicodeEncodeError:
        raise OperatorError("The password is not valid UTF-8.") from None
    if check is None:
        return typed
    password = check(typed)
    if not from_stdin and _ask("Repeat the password: ") != typed:
        raise OperatorError("The two passwords differ. Nothing was changed.")
    return password


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(_MAX_LINE)
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _ask(prompt: str) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise OperatorError("Cannot ask for the password without a terminal. Use --password-stdin to pipe it in.")
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""
