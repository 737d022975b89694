"""Standard input, output and error that fail with a message: they may be closed, full, or a pipe without a reader.

A failure of standard input or output raises `OperatorError`, which ends the command with one line. A failure of
standard error is ignored, because there is nowhere left to report it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from homeftp.errors import OperatorError

STANDARD = "-"
"""Standard input or output, in the place of a file's name."""


def install_streams() -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr` by streams that raise `OperatorError`.

    A closed descriptor is first opened on the null device, so that no socket and no file gets its number. It is opened
    for the wrong direction where using it must be an error: a command with closed standard output must not succeed
    silently. A stream that is not the interpreter's own (a test's, for example) stays.
    """
    for fd, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:  # noqa: PERF203 (three times)
            os.open(os.devnull, flags)  # takes the lowest free number: this one
    if _is_interpreters(sys.stdin):
        sys.stdin = sys.__stdin__ = _text_stream(io.BufferedReader(_StandardInput(0, "r", closefd=False)), sys.stdin)  # type: ignore[misc]
    if _is_interpreters(sys.stdout):
        raw = _StandardOutput(1, "w", closefd=False)
        text = _text_stream(io.BufferedWriter(raw), sys.stdout, errors="backslashreplace", line_buffering=raw.isatty())
        sys.stdout = sys.__stdout__ = text  # type: ignore[misc]
    if _is_interpreters(sys.stderr):
        buffer = io.BufferedWriter(_StandardError(2, "w", closefd=False))
        text = _text_stream(buffer, sys.stderr, errors="backslashreplace", line_buffering=True)
        sys.stderr = sys.__stderr__ = text  # type: ignore[misc]


def read_piece(size: int) -> bytes:
    """Up to `size` bytes of standard input, as soon as there are some; b"" at its end. Raises `OperatorError`.

    Reads past Python's buffer, which has a lock: a daemon thread that waits here does not keep the interpreter from
    ending. Nothing may read the same input through `sys.stdin`.
    """
    buffer: Any = sys.stdin.buffer
    data = bytearray(size)
    length: int = getattr(buffer, "raw", buffer).readinto(data)
    return bytes(memoryview(data)[:length])


def read_line(limit: int) -> bytes:
    """A line of standard input with its end, at most `limit` bytes of it; b"" at the end. Raises `OperatorError`.

    Reads byte by byte as the `read` of a shell does, so that what follows the line is left for the next reader.
    """
    line = bytearray()
    while len(line) < limit and not line.endswith(b"\n") and (byte := read_piece(1)):
        line += byte
    return bytes(line)


def _is_interpreters(stream: Any) -> bool:
    """Whether the interpreter made this stream at its start; None stands for a closed descriptor."""
    buffer = getattr(stream, "buffer", None)
    return stream is None or type(getattr(buffer, "raw", buffer)) is io.FileIO


def _text_stream(buffer: Any, old: Any, **options: Any) -> io.TextIOWrapper:
    """A text stream over `buffer`, in the encoding of the old one."""
    return io.TextIOWrapper(buffer, encoding=None if old is None else old.encoding, **options)


class _StandardInput(io.FileIO):
    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise OperatorError(f"cannot read standard input: {error.strerror}") from None


class _StandardOutput(io.FileIO):
    """Raises once, then discards: the interpreter flushes the buffers when it ends, and would fail on them again."""

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


class _StandardError(io.FileIO):
    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
