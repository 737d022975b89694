"""`homeftp mv`: move and rename files and folders on a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Awaitable, Callable, Sequence

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.asking import can_ask, confirm
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import add_json_argument, format_size, print_json, printable
from homeftp.cli.terminal.times import format_time

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, PlannedMove, TransferContext
    from homeftp.model import Entry

MayReplace = Callable[[str, "Entry"], Awaitable[bool]]
"""Asked with the target and the file there whether to replace it."""

_EPILOG = """\
A file or folder gets the name TARGET, or goes into TARGET if that is a folder, ends in "/", or if there are several
sources. Nothing is sent again. A file at the target is replaced only with -f or after a question at the terminal; the
server keeps it as a previous version. A folder is never replaced.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sources and target."""
    add_epilog(parser, _EPILOG)
    what = "a file or folder on a server, also a pattern such as 'NAME:*.jpg'"
    add_remote_operands(parser, what, dest="sources", metavar="NAME:SOURCE")
    target = parser.add_argument("target", metavar="NAME:TARGET", help="its new path, or the folder that it goes into")
    set_completer(target, REMOTE_PATHS)
    parser.add_argument("-f", "--force", action="store_true", help="replace a file at the target, without asking")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what was moved")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Move; returns the exit code."""
    name, [*sources, target] = parse_remote_operands([*options.sources, options.target])

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        from homeftp.cli.terminal.daemonthread import DaemonThread

        thread = DaemonThread(reactor)

        async def may_replace(target: str, entry: Entry) -> bool:
            if options.force:
                return True
            described = f"{printable(target)} exists: {format_size(entry.size)}, {format_time(entry.mtime_us)}"
            if options.json or not can_ask():
                print_error(f"{described}. It was not replaced; use -f to replace it.")
                return False
            return await thread.call(confirm, f"{described}. Replace it?")

        return await move_all(client, context, sources, target, options, may_replace)

    return with_remote(name, work)


async def move_all(
    client: Client,
    context: TransferContext,
    sources: Sequence[str],
    target: str,
    options: argparse.Namespace,
    may_replace: MayReplace,
) -> Exit:
    """Move each source."""
    from homeftp.client import LastSeen, carry_out_move, plan_moves

    seen = LastSeen(context.seen, context.workers, client)

    async def move(planned: PlannedMove) -> Exit:
        moved = await carry_out_move(client, planned, may_replace=may_replace, seen=seen)
        _print_moved(planned, moved is not None, options)
        return Exit.DIFFERS if moved is None else Exit.DONE

    status = await attempt_each(await plan_moves(client, sources, target), move)
    await seen.close(print_error)
    return status


def _print_moved(move: PlannedMove, done: bool, options: argparse.Namespace) -> None:
    if options.json:
        outcome = "moved" if done else "exists"
        print_json({"outcome": outcome, "name": move.source, "to": move.target, "kind": move.entry.kind})
    elif options.verbose and done:
        print(f"Moved {printable(move.source)} to {printable(move.target)}.")
