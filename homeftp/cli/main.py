"""`homeftp`: which subcommands there are, and how each of them may end.

The table is all that is known of a subcommand before it is called. No
exception leaves here as a traceback: each becomes one line and a status.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any, Container, Mapping, NamedTuple, Sequence

from homeftp import __version__
from homeftp.cli.terminal import stdstreams as standard
from homeftp.cli.terminal.exitcodes import Exit

TRACEBACK = "HOMEFTP_TRACEBACK"
"""The variable of the environment with which a fault of homeftp shows where it is."""


class Command(NamedTuple):
    """A subcommand, before it is imported."""

    module: str
    summary: str
    raw: bool = False
    """Whether its arguments are not ours to parse: it gets them as `options.arguments`."""

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(self.module)


COMMANDS: Mapping[str, Command] = {
    "serve": Command("homeftp.cli.owner.serve", "Share a folder: run the server in the foreground.", raw=True),
    "invite": Command(
        "homeftp.cli.owner.invite", "Make a code with which one device may pair with this machine's server."
    ),
    "device": Command(
        "homeftp.cli.owner.device", "List, rename and revoke the devices that are paired with the server here."
    ),
    "state": Command(
        "homeftp.cli.owner.state", "Back up what this machine's server knows of people, and bring it back."
    ),
    "account": Command("homeftp.cli.owner.account", "Add, list and remove who may log in to this machine's server."),
    "grant": Command("homeftp.cli.owner.grant", "Narrow what an account may do in one folder."),
    "discover": Command("homeftp.cli.commands.discover", "List the servers that announce themselves in this network."),
    "pair": Command("homeftp.cli.commands.pair", "Get to know a server, by a code that was made there."),
    "remote": Command("homeftp.cli.commands.remote", "Add, list and remove the servers that this machine knows."),
    "get": Command("homeftp.cli.commands.get", "Fetch files from a server."),
    "push": Command("homeftp.cli.commands.push", "Send files to a server, except what is equal there."),
    "cmp": Command("homeftp.cli.commands.cmp", "Tell whether files here and on a server are the same."),
    "ls": Command("homeftp.cli.commands.ls", "List what is on a server."),
    "versions": Command(
        "homeftp.cli.commands.versions", "List what was on a server before it was replaced or removed."
    ),
    "restore": Command("homeftp.cli.commands.restore", "Put back on a server what was there before."),
    "raw": Command("homeftp.cli.commands.raw", "Type requests to a server as JSON and see its answers."),
    "completion": Command("homeftp.cli.completion", "Print the completion script for a shell."),
}

_ENDING = (
    "exit status: 0 done or the same, 1 differs, 2 not possible as given, 3 refused by the server, "
    "4 no connection or no trust"
)


def build_parser(detailed: Container[str], commands: Mapping[str, Command] = COMMANDS) -> argparse.ArgumentParser:
    """The parser that knows the summary of every command, and the arguments of the `detailed` ones."""
    parser = argparse.ArgumentParser(
        prog="homeftp",
        description="Files between the machines of a home, safely: a server, and the commands to use one.",
        epilog=_ENDING,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"homeftp {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in commands.items():
        subparser = subparsers.add_parser(
            name, help=command.summary, description=command.summary, epilog=_ENDING, allow_abbrev=False
        )
        if name in detailed:
            command.load().add_arguments(subparser)
    return parser


def main(arguments: Sequence[str] | None = None, commands: Mapping[str, Command] = COMMANDS) -> int:
    """Carry out a command line, by default the process's own; gives the exit status, see `Exit`."""
    standard.secure()
    try:
        try:
            return _carry_out(sys.argv[1:] if arguments is None else arguments, commands)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - or a person would see a traceback
        return _end(error)


def _carry_out(arguments: Sequence[str], commands: Mapping[str, Command]) -> int:
    name = arguments[0] if arguments else ""
    if name in commands and commands[name].raw:
        options = argparse.Namespace(command=name, arguments=list(arguments[1:]))
    else:
        options = build_parser([name], commands).parse_args(arguments)
    status: int = commands[options.command].load().run(options)
    return status


def _end(error: Exception) -> Exit:
    """Say in one line what went wrong; gives the status for it."""
    from homeftp.client.errors import ConnectionFailed, Corrupted
    from homeftp.errors import OperatorError, Refusal, UntrustedServer

    if isinstance(error, OperatorError):
        _say(str(error))
        return Exit.USAGE
    if isinstance(error, Refusal) and not isinstance(error, Corrupted):
        _say(error.message)
        return Exit.REFUSED
    if isinstance(error, UntrustedServer | ConnectionFailed | Corrupted):
        _say(str(error))
        return Exit.UNREACHABLE
    if isinstance(error, OSError) and error.filename is not None:
        _say(f"{os.fsdecode(error.filename)}: {error.strerror}")
        return Exit.USAGE
    if os.environ.get(TRACEBACK):
        raise error
    _say(f"a fault in homeftp itself: {type(error).__name__}: {error} ({TRACEBACK}=1 shows where)")
    return Exit.FAULT


def _say(message: str) -> None:
    """One line for a person; what a server put into it cannot steer the terminal."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in message)
    print(f"homeftp: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
