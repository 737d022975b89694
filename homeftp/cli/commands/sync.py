"""`homeftp sync`: keep a local folder and a directory of a server the same."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.arguments import accept_options
from homeftp.cli.terminal.asking import can_ask
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.transfer.run import add_progress_arguments
from homeftp.cli.transfer.selecting import add_pattern_arguments
from homeftp.errors import OperatorError, not_found

if TYPE_CHECKING:
    from homeftp.cli.pairs.pair import SavedPair
    from homeftp.cli.pairs.recorder import PairRecorder
    from homeftp.cli.transfer.syncing import SyncCommand
    from homeftp.client import AskedDigests, Client, FolderLock, IClientReactor, PlanFile, TransferContext

_EPILOG = """\
homeftp remembers what both sides agreed on last. What was changed on one side goes to the other; deleted files are kept
as versions, on the server and here in DIR/.homeftp/versions. A file that was changed on both sides is a conflict: the
server's keeps its name, and the one here becomes "NAME (conflict from MACHINE DATE)" on both sides, unless --prefer
says which one is right. An empty file never replaces one that is not, unless --prefer here or --prefer there is given.
Without -y, nothing is changed before you have agreed to the plan. If a sync is interrupted, run it again.
"""

_USES = ("run_sync",)
"""The functions of the client that a sync uses."""

_WATCH_USES = (*_USES, "push", "get")
"""The functions that a watch uses: what is loaded only amid a large comparison keeps memory of that in use."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a folder, its other side, and how they are synced."""
    add_epilog(parser, _EPILOG)
    folder = parser.add_argument(
        "folder", metavar="DIR", nargs="?", help="the folder on this machine (default: those of all saved pairs)"
    )
    remote = parser.add_argument(
        "remote", metavar="NAME:PATH", nargs="?", help="the folder on the server (default: that of the saved pair)"
    )
    set_completer(folder, ANY_PATHS)
    set_completer(remote, ANY_PATHS)
    directions = parser.add_mutually_exclusive_group()
    for option, words in (
        ("--both", "change both sides (the default)"),
        ("--push", "make the server's folder like the one here"),
        ("--pull", "make the folder here like the server's"),
    ):
        directions.add_argument(option, action="store_const", const=option[2:], dest="direction", help=words)
    parser.add_argument("-n", "--dry-run", action="store_true", help="print the plan, and change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="carry out the plan without asking")
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
        "--follow-links",
        action="store_true",
        help="send what symbolic links in DIR lead to; nothing is changed there",
    )
    parser.add_argument(
        "--max-delete", metavar="N", type=int, help="delete up to N files (default: at most half of a side's files)"
    )
    parser.add_argument(
        "--start-over",
        action="store_true",
        help="forget what was agreed: files on either side are kept",
    )
    parser.add_argument(
        "--plan", metavar="FILE", help="carry out the plan that `sync --json -n` printed, if nothing has changed since"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="then keep both sides in step until Ctrl-C, without asking again; without folders, all saved pairs, "
        "and without any question",
    )
    parser.add_argument(
        "--save",
        action="store_true",
        help="then save the pair and its options in sync.toml: `sync` without folders is for all saved pairs",
    )
    parser.add_argument("--list", action="store_true", help="list the saved pairs, and sync nothing")
    forget = parser.add_argument("--forget", metavar="DIR", help="remove the pair of DIR from the saved ones")
    set_completer(forget, ANY_PATHS)
    parser.add_argument(
        "--conflicts", action="store_true", help="list the copies that conflicts have left in DIR, and change nothing"
    )
    parser.add_argument("--resolve", metavar="COPY", help="decide about one of them; see --keep")
    parser.add_argument(
        "--keep",
        choices=("original", "copy"),
        help="with --resolve: which of the two files to keep, under the original's name",
    )
    add_pattern_arguments(parser)
    accept_options(parser, "-a", "--archive", "-r", "--recursive")
    add_progress_arguments(parser)


def run(options: argparse.Namespace, *, clones: bool = False) -> int:
    """Sync; returns the exit code. With `clones` the folder on the server has to exist."""
    if options.conflicts or options.resolve is not None:
        from homeftp.cli.commands.conflicts import list_conflicts, resolve

        return list_conflicts(options) if options.conflicts else resolve(options)
    if options.list or options.forget is not None:
        from homeftp.cli.commands.pairs import forget_pair, list_pairs

        return list_pairs(options) if options.list else forget_pair(options)
    if options.watch and (options.dry_run or options.plan is not None):
        raise OperatorError("--watch carries out what changes ask for. Leave out --dry-run and --plan.")
    if options.save and (options.dry_run or options.plan is not None):
        raise OperatorError("--save saves what was synced. Leave out --dry-run and --plan.")
    if options.watch:
        _limit_idle_memory()
    if options.folder is None and options.plan is None:
        from homeftp.cli.commands.pairs import sync_pairs

        return sync_pairs(options, _check_question)
    if options.plan is not None:
        read = _read_plan(options)
        return with_remote(read.head.remote, partial(_carry_out, options, read), options.bwlimit, uses=_USES)
    pair = _pair_of_options(options)
    _check_question(options)
    return _connect(options, pair, clones=clones)


def _connect(options: argparse.Namespace, pair: SavedPair, *, clones: bool) -> int:
    """Connect and sync. If the folder was synced before, it is locked, and the server is asked for its digests first.

    The first sync of a folder lists what the server has, and a watch loads first what keeps memory in use.
    """
    from homeftp.client import lock_synced

    rate = options.bwlimit or pair.rate
    lock = None if clones or options.watch or options.dry_run else lock_synced(pair.local)
    if lock is None:
        uses = _WATCH_USES if options.watch else _USES
        return with_remote(pair.server, partial(_sync, options, pair, clones=clones), rate, uses=uses)
    from homeftp.client import AskedDigests, parse_remote_path

    try:
        asked = AskedDigests(parse_remote_path(pair.path).endpoint)
        return with_remote(pair.server, partial(_sync, options, pair, lock=lock, asked=asked), rate, ask=asked.ask)
    finally:
        lock.release()  # the sync has done so, unless it did not begin


def _limit_idle_memory() -> None:
    """Give back, between two comparisons, the memory that only they need. This may start the program again."""
    from homeftp.config import HEAP_SLACK
    from homeftp.syscalls.memory import c_mallopt, give_back_memory, use_c_allocator

    mallopt = c_mallopt()
    if mallopt is not None and "--watch" in sys.orig_argv:  # the process is this command, and no program that calls it
        use_c_allocator(sys.orig_argv, os.environ)
    give_back_memory(HEAP_SLACK, mallopt)  # before there are threads: each would have a heap of its own


def _pair_of_options(options: argparse.Namespace) -> SavedPair:
    """The pair that the options name: a saved one where only its folder is given. Raises `OperatorError`."""
    if parse_operand(options.folder).remote is not None:
        raise OperatorError(f"{options.folder} is on a server. The folder on this machine comes first.")
    from homeftp.cli.commands.pairs import pair_of_options

    return pair_of_options(options)


def _check_question(options: argparse.Namespace) -> None:
    """Raise `OperatorError` where a person would have to be asked, and cannot be."""
    if not (options.yes or options.dry_run or options.plan is not None) and (options.json or not can_ask()):
        missing = options.folder is not None and not os.path.lexists(options.folder)
        raise OperatorError(
            f"{f'{options.folder} does not exist on this machine yet, and ' if missing else ''}"
            "sync asks at a terminal whether its plan is right. Without a terminal, and with --json, use -y to carry "
            "the plan out without a question, or -n to print it."
        )


def _read_plan(options: argparse.Namespace) -> PlanFile:
    """The plan to be carried out. Raises `OperatorError`."""
    from homeftp.client import read_plan

    decided = options.prefer is not None or options.merge or options.direction is not None
    if options.folder is not None or decided:
        raise OperatorError("a plan says what it is for. Leave out the folders, --push, --pull, --prefer and --merge.")
    try:
        with open(options.plan, encoding="utf-8") as file:
            return read_plan(file, options.plan)
    except OSError as error:
        raise OperatorError(f"{options.plan} cannot be read: {error.strerror}") from None


async def _carry_out(
    options: argparse.Namespace, read: PlanFile, reactor: IClientReactor, client: Client, context: TransferContext
) -> int:
    """Carry out a plan that was read."""
    from homeftp.cli.transfer.syncing import SyncCommand
    from homeftp.client import SyncRequest

    request = SyncRequest(
        read.head.local,
        read.head.endpoint,
        server=read.head.remote,
        options=read.options,
        selection=read.selection,
        dry_run=options.dry_run,
        max_delete=options.max_delete,
        start_over=options.start_over,
        expected=read.plan,
    )
    return await SyncCommand(reactor, options, partial(_same, client), context, request).once()


def _ignore(title: str, text: str) -> None:
    """No alert: the person is at the terminal."""


async def _same(client: Client) -> Client:
    return client


async def _sync(
    options: argparse.Namespace,
    pair: SavedPair,
    reactor: IClientReactor,
    client: Client,
    context: TransferContext,
    *,
    lock: FolderLock | None = None,
    asked: AskedDigests | None = None,
    clones: bool = False,
) -> int:
    """Sync a pair, and then do what the options ask besides."""
    from homeftp.cli.transfer.syncing import SyncCommand
    from homeftp.client import parse_remote_path

    endpoint = parse_remote_path(pair.path).endpoint
    if clones and (await client.cmp(str(endpoint))).remote is None:
        raise not_found(str(endpoint))
    request = pair.request(dry_run=options.dry_run, start_over=options.start_over, lock=lock, asked=asked)
    recorder = None
    if options.watch or options.save or options.remote is None:
        recorder = _recorder(options, pair, reactor, context)
        await recorder.begin(keeps=options.watch)
    command = SyncCommand(reactor, options, partial(_same, client), context, request, listener=recorder)
    try:
        code = await command.once()
        if command.declined:
            return code
        if options.save:
            await _save(pair, context)
        return await _watch(command, pair, reactor) if options.watch else code
    finally:
        if asked is not None:
            asked.close()
        if recorder is not None:
            await recorder.close()


def _recorder(
    options: argparse.Namespace, pair: SavedPair, reactor: IClientReactor, context: TransferContext
) -> PairRecorder:
    """Writes down how the pair's syncs go, and alerts a person where it is a watch that syncs."""
    from homeftp.cli.pairs.desktop import DesktopNotifier
    from homeftp.cli.pairs.recorder import PairRecorder
    from homeftp.client import StatusFolder, pair_status_path

    statuses = StatusFolder(pair_status_path(os.environ))
    alert = DesktopNotifier.installed(reactor).show if options.watch else _ignore
    return PairRecorder(reactor, context, statuses, pair.local, pair.remote, alert=alert)


async def _save(pair: SavedPair, context: TransferContext) -> None:
    from homeftp.cli.pairs.pairfile import PairFile
    from homeftp.client import client_folder

    await context.workers.run_unbounded(PairFile(client_folder(os.environ)).save, pair)


async def _watch(command: SyncCommand, pair: SavedPair, reactor: IClientReactor) -> int:
    from homeftp.client import Remotes, client_folder, connect_remote

    remotes = Remotes(client_folder(os.environ))
    return await command.keep_in_step(partial(connect_remote, reactor, remotes, pair.server))
