"""`homeftp sync`: keep a local folder and a directory of a server the same."""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_operand, parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.asking import can_ask
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.transfer.run import add_progress_arguments
from homeftp.cli.transfer.selecting import add_pattern_arguments, read_selection
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, PlanFile, SyncOptions, TransferContext

_EPILOG = """\
homeftp remembers what both sides agreed on last. What was changed on one side goes to the other; deleted files are kept
as versions, on the server and here in DIR/.homeftp/versions. A file that was changed on both sides is a conflict: the
server's keeps its name, and the one here becomes "NAME (conflict from MACHINE DATE)" on both sides, unless --prefer
says which one is right. An empty file never replaces one that is not, unless --prefer here or --prefer there is given.
Without -y, nothing is changed before you have agreed to the plan. If a sync is interrupted, run it again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a folder, its other side, and how they are synced."""
    add_epilog(parser, _EPILOG)
    folder = parser.add_argument("folder", metavar="DIR", nargs="?", help="the folder on this machine")
    remote = parser.add_argument("remote", metavar="NAME:PATH", nargs="?", help="the folder on the server")
    set_completer(folder, ANY_PATHS)
    set_completer(remote, ANY_PATHS)
    directions = parser.add_mutually_exclusive_group()
    for option, words in (
        ("--both", "change both sides (the default)"),
        ("--push", "make the server's folder like the one here"),
        ("--pull", "make the folder here like the server's"),
    ):
        directions.add_argument(
            option, action="store_const", const=option[2:], default="both", dest="direction", help=words
        )
    parser.add_argument("-n", "--dry-run", action="store_true", help="print the plan, and change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask whether the plan is right")
    parser.add_argument(
        "--prefer",
        choices=("here", "there", "newer"),
        help="which copy is right where both sides were changed, instead of keeping both",
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="merge texts of up to 1 MiB that both sides have changed in different lines",
    )
    parser.add_argument(
        "--max-delete", metavar="N", type=int, help="delete up to N files (default: at most half of a side's files)"
    )
    parser.add_argument(
        "--start-over",
        action="store_true",
        help="forget what was agreed: whatever either side has is kept",
    )
    parser.add_argument(
        "--plan", metavar="FILE", help="carry out the plan that `sync --json -n` printed, if nothing has changed since"
    )
    parser.add_argument(
        "--watch", action="store_true", help="then keep both sides in step, until Ctrl-C, and do not ask again"
    )
    parser.add_argument(
        "--conflicts", action="store_true", help="list the copies that conflicts have left in DIR, and change nothing"
    )
    parser.add_argument("--resolve", metavar="COPY", help="decide about one of them; see --keep")
    parser.add_argument(
        "--keep",
        choices=("original", "copy"),
        help="with --resolve: which of the two files stays, under the original's name",
    )
    add_pattern_arguments(parser)
    add_progress_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Sync; returns the exit code."""
    if options.conflicts or options.resolve is not None:
        from homeftp.cli.commands.conflicts import list_conflicts, resolve

        return list_conflicts(options) if options.conflicts else resolve(options)
    if options.watch and (options.dry_run or options.plan is not None):
        raise OperatorError("--watch carries out what changes ask for. Leave out --dry-run and --plan.")
    if options.merge:
        _check_merge(options)
    read = None if options.plan is None else _read_plan(options)
    if read is not None:
        folder, name, path = read.head.local, read.head.remote, read.head.endpoint
    elif options.folder is None or options.remote is None:
        raise OperatorError("Name a folder and its other side, as in: homeftp sync Documents nas:Documents")
    else:
        folder = options.folder
        if parse_operand(folder).remote is not None:
            raise OperatorError(f"{folder} is on a server. The folder on this machine comes first.")
        name, path = parse_remote_operand(options.remote)
    if not (options.yes or options.dry_run or read) and (options.json or not can_ask()):
        raise OperatorError(
            "sync asks at a terminal whether its plan is right. Without a terminal, and with --json, use -y to carry "
            "the plan out without a question, or -n to print it."
        )
    return with_remote(name, partial(_sync, options, folder, name, path, read), options.bwlimit, uses=["run_sync"])


def _check_merge(options: argparse.Namespace) -> None:
    """Raise `OperatorError` where nothing could be merged."""
    from homeftp.client import require_merge_library

    if options.direction != "both":
        raise OperatorError(f"With --{options.direction} one side is taken as it is. Leave out --merge.")
    require_merge_library()


def _read_plan(options: argparse.Namespace) -> PlanFile:
    """The plan to be carried out. Raises `OperatorError`."""
    from homeftp.client import read_plan

    decided = options.prefer is not None or options.merge or options.direction != "both"
    if options.folder is not None or decided:
        raise OperatorError("A plan says what it is for. Leave out the folders, --push, --pull, --prefer and --merge.")
    try:
        with open(options.plan, encoding="utf-8") as file:
            return read_plan(file, options.plan)
    except OSError as error:
        raise OperatorError(f"{options.plan} cannot be read: {error.strerror}") from None


async def _sync(
    options: argparse.Namespace,
    folder: str,
    name: str,
    path: str,
    read: PlanFile | None,
    reactor: IClientReactor,
    client: Client,
    context: TransferContext,
) -> int:
    from homeftp.cli.transfer.syncing import SyncCommand
    from homeftp.client import Remotes, SyncRequest, client_folder, connect_remote

    request = SyncRequest(
        folder,
        path,
        server=name,
        options=_sync_options(options) if read is None else read.options,
        selection=read_selection(options) if read is None else read.selection,
        dry_run=options.dry_run,
        max_delete=options.max_delete,
        start_over=options.start_over,
        expected=None if read is None else read.plan,
    )
    command = SyncCommand(reactor, options, client, context, request)
    code = await command.once()
    if not options.watch or command.declined or code in (Exit.REFUSED, Exit.UNREACHABLE):
        return code
    remotes = Remotes(client_folder(os.environ))
    return await command.keep_in_step(partial(connect_remote, reactor, remotes, name))


def _sync_options(options: argparse.Namespace) -> SyncOptions:
    from homeftp.client import Direction, Preference, SyncOptions
    from homeftp.host import own_name

    prefer = None if options.prefer is None else Preference(options.prefer)
    return SyncOptions(Direction(options.direction), prefer, own_name(), time.strftime("%Y-%m-%d"), options.merge)
