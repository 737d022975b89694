"""`homeftp status`: the status of this machine's server, of the servers that it knows, and of its synced folders."""

from __future__ import annotations

import argparse
import os

from homeftp.cli.owner.statedir import add_state_argument
from homeftp.cli.status.pairs import find_pairs, pair_lines
from homeftp.cli.status.remotes import ask_remotes, remote_lines
from homeftp.cli.status.server import ask_server, server_lines
from homeftp.cli.terminal.completers import SERVER_NAMES, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json, printable
from homeftp.errors import OperatorError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the names of servers."""
    names = parser.add_argument(
        "names", metavar="NAME", nargs="*", help="only these known servers (default: this machine's, and all known)"
    )
    set_completer(names, SERVER_NAMES)
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Print everything; returns `UNREACHABLE` where a server does not run, does not answer or cannot be reached."""
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    names = options.names if options.names or options.state else remotes.names()
    pairs = [] if options.state else find_pairs(options.names)
    found = ask_remotes(remotes, names)
    server, problem = None, None
    try:  # last: root may become the server's user here
        server = None if options.names else ask_server(options)
    except OperatorError as error:
        if not names and not pairs:
            raise
        problem = error  # what was found besides is printed first
    if server is None and not names and not pairs:
        raise OperatorError(
            "this machine has no server and knows none. Start one with `homeftp serve DIR`, or pair this machine with "
            "one: homeftp pair HOST"
        )
    if options.json:
        print_json({"server": server, "remotes": found, "pairs": pairs})
    else:
        for line in (*(() if server is None else server_lines(server)), *remote_lines(found), *pair_lines(pairs)):
            print(printable(line))
    if problem is not None:
        raise problem
    stopped = server is not None and not (server["running"] and server["answering"])
    return Exit.UNREACHABLE if stopped or any(not each["reachable"] for each in found) else Exit.DONE
