"""Standard input, output and error as a command may meet them: closed, full, or with nobody at the other end.

What goes wrong with the first two is one line for a person and not a fault of
ours; when standard error cannot be written to there is nobody to tell.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from homeftp.errors import OperatorError


def secure() -> None:
    """Put `sys.stdin`, `sys.stdout` and `sys.stderr` on streams that fail in words.

    A descriptor that is closed is opened first, on the null device, so that no
    socket and no file can get its number. It is opened for the wrong direction
    where using it is an error: who asks for output wants to be told that there
    is none. A stream that somebody has put in the place of the process's own
    stays.
    """
    for fd, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:  # noqa: PERF203 (three times)
            os.open(os.devnull, flags)  # gets the lowest number that is free: this one
    if _own(sys.stdin):
        sys.stdin = sys.__stdin__ = _text(io.BufferedReader(_Input(0, "r", closefd=False)), sys.stdin)  # type: ignore[misc]
    if _own(sys.stdout):
        raw = _Output(1, "w", closefd=False)
        text = _text(io.BufferedWriter(raw), sys.stdout, errors="backslashreplace", line_buffering=raw.isatty())
        sys.stdout = sys.__stdout__ = text  # type: ignore[misc]
    if _own(sys.stderr):
        buffer = io.BufferedWriter(_Errors(2, "w", closefd=False))
        text = _text(buffer, sys.stderr, errors="backslashreplace", line_buffering=True)
        sys.stderr = sys.__stderr__ = text  # type: ignore[misc]


def _own(stream: Any) -> bool:
    """Whether it is what the interpreter made at its start; None is what it makes of a closed descriptor."""
    buffer = getattr(stream, "buffer", None)
    return stream is None or type(getattr(buffer, "raw", buffer)) is io.FileIO


def _text(buffer: Any, old: Any, **how: Any) -> io.TextIOWrapper:
    """A text stream of the encoding that the old one had."""
    return io.TextIOWrapper(buffer, encoding=None if old is None else old.encoding, **how)


class _Input(io.FileIO):
    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise OperatorError(f"cannot read standard input: {error.strerror}") from None


class _Output(io.FileIO):
    """Fails once; what is left in the buffers then goes nowhere, for the interpreter would fail on it at its end."""

    _failed = False

    def write(self, data: Any) -> int:
        if self._failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            self._failed = True
            raise
        except OSError as error:
            self._failed = True
            raise OperatorError(f"cannot write to standard output: {error.strerror}") from None


class _Errors(io.FileIO):
    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
