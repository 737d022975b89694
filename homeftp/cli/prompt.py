"""How a secret is asked for: at the terminal without echo, or on standard input for scripts.

Never from the command line or the environment, which other users of the
machine can read (ps(1), proc(5)).
"""

from __future__ import annotations

import sys

from homeftp.errors import SetupError

_LONGEST = 4096
"""Bytes of one line of standard input."""


def read_password(from_stdin: bool, prompt: str, *, confirm: bool = False) -> str:
    """A password: the first line of standard input, or typed at the terminal, twice to `confirm`.

    Raises `SetupError` when there is none, or no terminal to ask at.
    """
    password = _from_stdin() if from_stdin else _typed(prompt, confirm)
    if not password:
        raise SetupError("no password was given")
    try:
        password.encode("utf-8")
    except UnicodeEncodeError:
        raise SetupError("the password is not UTF-8 text") from None
    return password


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(_LONGEST)
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _typed(prompt: str, confirm: bool) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise SetupError("there is no terminal to ask for the password at: pipe it in, with --password-stdin")
    try:
        password = getpass.getpass(prompt)
        if confirm and getpass.getpass("once more: ") != password:
            raise SetupError("the two passwords differ: nothing was changed")
    except EOFError:
        return ""
    return password
