"""A subcommand whose behaviour a test chooses."""

from __future__ import annotations

import argparse
from typing import Callable

does: list[Callable[[argparse.Namespace], int]] = []
"""What `run` does: the last of these."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one option."""
    parser.add_argument("--number", type=int, default=0)


def run(options: argparse.Namespace) -> int:
    """Run what the test chose."""
    return does[-1](options)
