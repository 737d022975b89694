"""Sizes in a column, for people or exact; and the options of `ls` and `du` that choose."""

from __future__ import annotations

import argparse

from homeftp.cli.terminal.text import format_size

_WIDTH = len("999.9 MB")
"""The columns of a size for people."""

_EXACT_WIDTH = len("999,999,999,999")
"""The columns of a size in bytes, up to a terabyte."""


def add_size_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for how sizes are printed."""
    parser.add_argument("-b", "--bytes", action="store_true", help="print sizes in bytes")
    parser.add_argument(
        "-h", "--human-readable", action="store_true", help="print sizes such as 1.2 MB; this is the default"
    )


def sized(size: int | None, *, exact: bool = False) -> str:
    """A number of bytes at the right of a column, for people unless it is to be `exact`; a dash where there is none."""
    if exact:
        return f"{'-' if size is None else format(size, ','):>{_EXACT_WIDTH}}"
    return f"{'-' if size is None else format_size(size):>{_WIDTH}}"
