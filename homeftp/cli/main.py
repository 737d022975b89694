"""`homeftp`: from a command line to the exit code of the process. Every exception ends as one line and an exit code."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from typing import Any, Mapping, Sequence

from homeftp.cli.table import COMMANDS, SYNONYMS, Command
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error, report_failure
from homeftp.cli.terminal.stdstreams import install_streams
from homeftp.cli.terminal.suggestions import did_you_mean, suggest
from homeftp.errors import OperatorError

_GARBAGE_AFTER = 100_000
"""Allocations between two garbage collections of a command that starts: what it imports, which is less, stays."""


def main(arguments: Sequence[str] | None = None, commands: Mapping[str, Command] = COMMANDS) -> int:
    """Carry out a command line, by default the process's own; returns the exit code, see `Exit`."""
    install_streams()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments, commands)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # the terminal shows ^C, perhaps behind a question
        print_error("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 (a person must not see a traceback)
        return report_failure(error)


def _run(arguments: Sequence[str], commands: Mapping[str, Command]) -> int:
    if not arguments:
        raise OperatorError("no command was given: `homeftp help` lists the commands.")
    name = arguments[0]
    options: Any
    if name in commands and commands[name].raw:
        options = SimpleNamespace(command=name, arguments=list(arguments[1:]))
    else:
        from homeftp.cli.parser import build_parser  # only here: it stays in a server's memory

        gc.set_threshold(_GARBAGE_AFTER)
        for word in arguments[: 2 if name == "help" else 1]:
            _check_name(word, commands)
        options = build_parser([name], commands).parse_args(arguments)
    status: int = commands[options.command].load().run(options)
    return status


def _check_name(word: str, commands: Mapping[str, Command]) -> None:
    """Raise `OperatorError`, with a suggestion, for a word that is neither a command nor an option."""
    if word and word not in commands and not word.startswith("-"):
        meant = suggest(SYNONYMS[word]) if word in SYNONYMS else did_you_mean(word, commands)
        raise OperatorError(f"there is no command {word!r}.{meant} `homeftp help` lists the commands.")


if __name__ == "__main__":
    sys.exit(main())
