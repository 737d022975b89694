"""The options that choose which files of a folder are transferred or compared, and what they mean."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Sequence

from homeftp.cli.terminal.stdstreams import STANDARD
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Selection


class _AppendPattern(argparse.Action):
    """Appends a pattern of --exclude or --include to one list, because their order counts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Append the pattern as the line of an ignore file."""
        negation = "!" if option_string == "--include" else ""
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), f"{negation}{values}"])


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose files."""
    add_pattern_arguments(parser)
    parser.add_argument(
        "--files-from",
        metavar="FILE",
        help="use only the files and folders that FILE lists; - is standard input",
    )


def add_pattern_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that leave out files."""
    for option, words in (
        ("--exclude", "leave out what matches; patterns are those of gitignore(5)"),
        ("--include", "do not leave out what matches; of several patterns the first that matches decides"),
    ):
        parser.add_argument(option, metavar="PATTERN", action=_AppendPattern, dest="patterns", default=[], help=words)
    parser.add_argument(
        "--no-ignore", action="store_true", help="also include what the patterns of .homeftpignore files leave out"
    )
    parser.add_argument(
        "--strict-names",
        action="store_true",
        help="do not escape names that some systems cannot store: report them as failed",
    )
    parser.set_defaults(files_from=None)


def read_selection(options: argparse.Namespace) -> Selection:
    """The selection that the options ask for; reads the list of files. Raises `OperatorError`."""
    from homeftp.client import Selection

    # As in rsync and rclone the first pattern decides; in an ignore file it is the last.
    patterns = tuple(reversed(options.patterns))
    names = None if options.files_from is None else _read_names(options.files_from)
    return Selection(patterns, names, ignore_files=not options.no_ignore, strict_names=options.strict_names)


def _read_names(path: str) -> frozenset[str]:
    from homeftp.client import parse_names

    try:
        if path == STANDARD:
            data = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None
    return parse_names(data.decode("utf-8", "surrogateescape"), path)
