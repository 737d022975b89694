"""How a secret is asked for: at the terminal without echo, or on standard input for scripts.

Never from the command line or the environment, which other users of the
machine can read (ps(1), proc(5)).
"""

from __future__ import annotations

import sys
from typing import Callable

from homeftp.errors import OperatorError

_LONGEST = 4096
"""Bytes of one line of standard input."""


def read_password(from_stdin: bool, prompt: str, *, check: Callable[[str], str] | None = None) -> str:
    """A password: the first line of standard input, or typed at the terminal.

    A new one is looked at by `check`, which raises what is wrong with it or
    gives it as it is to be kept; then it is typed once more. Raises
    `OperatorError` when there is none, or no terminal to ask at.
    """
    typed = _from_stdin() if from_stdin else _typed(prompt)
    if not typed:
        raise OperatorError("no password was given")
    try:
        typed.encode("utf-8")
    except UnicodeEncodeError:
        raise OperatorError("the password is not UTF-8 text") from None
    if check is None:
        return typed
    password = check(typed)
    if not from_stdin and _typed("once more: ") != typed:
        raise OperatorError("the two passwords differ: nothing was changed")
    return password


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(_LONGEST)
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _typed(prompt: str) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise OperatorError("there is no terminal to ask for the password at: pipe it in, with --password-stdin")
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""
