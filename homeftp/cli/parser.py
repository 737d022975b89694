"""The parser of command lines, made from the table of subcommands; it suggests what a misspelled word may mean."""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from typing import Any, Container, Iterator, Mapping, NoReturn, Sequence, cast

from homeftp import __version__
from homeftp.cli.table import COMMANDS, GROUPS, Command
from homeftp.cli.terminal.completers import ANY_PATHS, REMOTE_PATHS, completer_of
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import GroupedFormatter, ParagraphFormatter
from homeftp.cli.terminal.suggestions import did_you_mean
from homeftp.cli.terminal.text import printable

EXIT_MEANINGS = {
    Exit.DONE: "done, or the same",
    Exit.DIFFERS: "differs, or something was left unchanged",
    Exit.USAGE: "wrong usage, or not possible on this machine",
    Exit.REFUSED: "refused by the server",
    Exit.UNREACHABLE: "no connection, or the server is not trusted",
}
"""The exit codes that help and manual pages name."""

EXIT_CODES = "Exit codes: " + "; ".join(f"{code:d} {meaning}" for code, meaning in EXIT_MEANINGS.items())

_LISTED = 10
"""Words that an error lists; more hide the rest of the message."""

_JOINED = re.compile(r"argument \S+: ignored explicit argument '(?P<rest>[^']+)'")
"""How argparse complains about an unknown letter behind those of known options."""

_INVALID_CHOICE = re.compile(r"invalid choice: '?(?P<word>[^']*?)'? \(choose from (?P<allowed>.*)\)", re.DOTALL)
"""How argparse complains about a word that is not one of several."""

_LETTERS = re.compile(r"-[A-Za-z]{2,}")
"""Options of one letter each that are joined."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest what a misspelled option or action may mean."""

    joined_h = False
    """Whether -h among joined letters changes nothing; such a parser has no option of one letter with a value."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; an unknown option is an error of the subcommand that was called, not of the program."""
        namespace, rest = super().parse_known_args(list(_without_h(args)) if self.joined_h else args, namespace)
        if rest:
            word = next((each for each in rest if each.startswith("-")), None)
            if word is None:
                order = "Options go before or after all other arguments, not between them."
                self.error(f"too many arguments: {rest[0]}. {order}")
            # Letters may be joined, and the first of them is then not known.
            option = word.partition("=")[0] if word.startswith("--") else word[:2]
            self.error(f"there is no option {option}.{did_you_mean(option, self._option_string_actions)}")
        return namespace, rest

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with 2."""
        joined = _JOINED.fullmatch(message)
        if joined is not None and not joined["rest"].startswith("="):
            message = f"there is no option -{joined['rest'][0]}."
        found = _INVALID_CHOICE.search(message)
        if found is not None:
            allowed = re.findall(r"[\w.-]+", found["allowed"])
            listed = f" (choose from {', '.join(allowed)})" if len(allowed) <= _LISTED else ""
            message = f"{message[: found.start()]}invalid choice: '{found['word']}'{listed}."
            message += did_you_mean(found["word"], allowed)
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {printable(message)}\n")


class _ListedCommand:
    """Stands for the parser of a subcommand that is only listed, and makes that one when it is called."""

    def __init__(self, prog: str, command: Command) -> None:
        self._prog = prog
        self._command = command

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse as that parser does."""
        return _command_parser(self._prog, self._command).parse_known_args(args, namespace)


def _subparser(prog: str, command: Command, *, whole: bool, **_: object) -> Parser | _ListedCommand:
    """The parser of a subcommand. What argparse adds to the arguments, as `color` in Python 3.14, is not ours."""
    return _command_parser(prog, command) if whole else _ListedCommand(prog, command)


def _command_parser(prog: str, command: Command) -> Parser:
    """The parser of a subcommand, with its arguments."""
    parser = Parser(
        prog,
        description=command.summary,
        epilog=EXIT_CODES,
        formatter_class=ParagraphFormatter,
        allow_abbrev=False,
        add_help=not command.own_h,
    )
    parser.joined_h = command.joined_h
    if command.own_h:
        parser.add_argument("--help", action="help", help="show this help message and exit")
    command.load().add_arguments(parser)
    return parser


def _without_h(words: Sequence[str]) -> Iterator[str]:
    """The words of a command line, without the -h among joined letters before a "--"."""
    options = True
    for word in words:
        options = options and word != "--"
        yield word.replace("h", "") if options and _LETTERS.fullmatch(word) and set(word) != set("-h") else word


def build_parser(detailed: Container[str], commands: Mapping[str, Command] = COMMANDS) -> argparse.ArgumentParser:
    """The parser, with the summary of every command; those in `detailed` are complete, others when one is called."""
    parser = Parser(
        prog="homeftp",
        formatter_class=partial(GroupedFormatter, groups=GROUPS),
        description="Share a folder with your other machines, and transfer and compare files, over TLS.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-V", "--version", action="version", help="print the version and exit", version=f"homeftp {__version__}"
    )
    subparsers: Any = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands", parser_class=cast("Any", _subparser)
    )
    for name, command in commands.items():
        listed: dict[str, Any] = {} if command.hidden else {"help": command.summary}
        subparsers.add_parser(name, **listed, command=command, whole=name in detailed)
    return parser


def subparsers_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The names and the parsers of a parser's subcommands or actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def takes_paths(parser: argparse.ArgumentParser) -> bool:
    """Whether an argument is completed to paths."""
    return any(completer_of(action) in (REMOTE_PATHS, ANY_PATHS) for action in parser._actions)
