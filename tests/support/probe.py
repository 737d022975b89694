"""A subcommand that does what the test tells it."""

from __future__ import annotations

import argparse
from typing import Callable

does: list[Callable[[argparse.Namespace], int]] = []
"""What `run` is to do; the last one counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option, so that parsing shows."""
    parser.add_argument("--number", type=int, default=0)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    return does[-1](options)
