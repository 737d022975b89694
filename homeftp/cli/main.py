"""`homeftp`: the table of subcommands, the parser, and the exit code of the process.

The table is all that is known of a subcommand before it is called. Every exception ends as one line and an exit code.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any, Container, Mapping, NamedTuple, Sequence

from homeftp import __version__
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error, report_failure
from homeftp.cli.terminal.help import ParagraphFormatter
from homeftp.cli.terminal.stdstreams import install_streams


class Command(NamedTuple):
    """A subcommand that may not be imported yet."""

    module: str
    summary: str
    raw: bool = False
    """Whether the subcommand parses its arguments itself; it gets them as `options.arguments`."""
    own_h: bool = False
    """Whether -h is an option of its own, as ls(1) and du(1) have it; then only --help prints the help."""

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(self.module)


COMMANDS: Mapping[str, Command] = {
    "serve": Command("homeftp.cli.owner.serve", "Share a folder: run the server in the foreground.", raw=True),
    "invite": Command("homeftp.cli.owner.invite", "Print a pairing code for one device, and wait until it is used."),
    "device": Command("homeftp.cli.owner.device", "List, rename and revoke the devices of this machine's server."),
    "state": Command("homeftp.cli.owner.state", "Back up and restore the state of this machine's server."),
    "account": Command(
        "homeftp.cli.owner.account", "Add, list, change and remove the accounts of this machine's server."
    ),
    "grant": Command("homeftp.cli.owner.grant", "Restrict an account's rights in one folder."),
    "service": Command("homeftp.cli.owner.service", "Install or remove the systemd service of this machine's server."),
    "log": Command("homeftp.cli.owner.log", "Show who did what on this machine's server."),
    "status": Command(
        "homeftp.cli.status.command",
        "Show the status of this machine's server, and whether known servers can be reached.",
    ),
    "discover": Command("homeftp.cli.commands.discover", "List the servers that announce themselves on this network."),
    "pair": Command(
        "homeftp.cli.commands.pair", "Pair this machine with a server, using a code from `homeftp invite`."
    ),
    "remote": Command("homeftp.cli.commands.remote", "Add, list, change and remove the servers this machine knows."),
    "get": Command("homeftp.cli.commands.get", "Download files from a server, except those already the same."),
    "push": Command("homeftp.cli.commands.push", "Upload files to a server, except those already the same."),
    "cmp": Command("homeftp.cli.commands.cmp", "Compare files on this machine with files on a server."),
    "ls": Command("homeftp.cli.commands.files.ls", "List files on a server.", own_h=True),
    "du": Command("homeftp.cli.commands.files.du", "Print how much the folders of a server hold.", own_h=True),
    "cat": Command("homeftp.cli.commands.files.cat", "Print files of a server on standard output."),
    "mkdir": Command("homeftp.cli.commands.files.mkdir", "Make folders on a server."),
    "mv": Command("homeftp.cli.commands.files.mv", "Move and rename files and folders on a server."),
    "rm": Command("homeftp.cli.commands.files.rm", "Remove files and folders on a server."),
    "versions": Command("homeftp.cli.commands.versions", "List the previous versions of files on a server."),
    "restore": Command("homeftp.cli.commands.restore", "Restore a previous version of a file on a server."),
    "verify": Command("homeftp.cli.verify", "Read all files of a server again, and report damaged ones."),
    "raw": Command("homeftp.cli.commands.raw", "Send JSON requests that you type, and print the responses."),
    "completion": Command("homeftp.cli.completion", "Print a shell completion script."),
}

_EXIT_CODES = (
    "Exit codes: 0 done, or the same; 1 differs; 2 wrong usage, or not possible on this machine; "
    "3 refused by the server; 4 no connection, or the server is not trusted"
)


def build_parser(detailed: Container[str], commands: Mapping[str, Command] = COMMANDS) -> argparse.ArgumentParser:
    """The parser, with the summary of every command and the arguments of those in `detailed`."""
    parser = argparse.ArgumentParser(
        prog="homeftp",
        formatter_class=ParagraphFormatter,
        description="Share a folder with your other machines, and transfer and compare files, over TLS.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", help="print the version and exit", version=f"homeftp {__version__}"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in commands.items():
        subparser = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.summary,
            epilog=_EXIT_CODES,
            formatter_class=ParagraphFormatter,
            allow_abbrev=False,
            add_help=not command.own_h,
        )
        if command.own_h:
            subparser.add_argument("--help", action="help", help="show this help message and exit")
        if name in detailed:
            command.load().add_arguments(subparser)
    return parser


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
        print_error("Interrupted.")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 (a person must not see a traceback)
        return report_failure(error)


def _run(arguments: Sequence[str], commands: Mapping[str, Command]) -> int:
    name = arguments[0] if arguments else ""
    if name in commands and commands[name].raw:
        options = argparse.Namespace(command=name, arguments=list(arguments[1:]))
    else:
        options = build_parser([name], commands).parse_args(arguments)
    status: int = commands[options.command].load().run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
