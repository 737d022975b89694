"""`homeftp sync` for saved pairs: `--list`, `--forget`, and syncing all of them; and the pair that options name."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Callable

import attrs

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json, print_result, printable
from homeftp.cli.transfer.selecting import read_selection
from homeftp.client import Direction, Preference, client_folder
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.cli.pairs.pairfile import PairFile
    from homeftp.client import IClientReactor

OF_ONE_PAIR = {
    "direction": "--both, --push and --pull",
    "prefer": "--prefer",
    "max_delete": "--max-delete",
    "start_over": "--start-over",
    "patterns": "--exclude and --include",
    "no_ignore": "--no-ignore",
    "strict_names": "--strict-names",
    "follow_links": "--follow-links",
    "merge": "--merge",
    "save": "--save",
}
"""The fields that say how one pair is synced, and the options that set them."""


def pair_file() -> PairFile:
    """This machine's saved pairs."""
    from homeftp.cli.pairs.pairfile import PairFile

    return PairFile(client_folder(os.environ))


def pair_of_options(options: argparse.Namespace) -> SavedPair:
    """The pair that the options describe; a saved one, changed by them, where they have no other side."""
    given: dict[str, Any] = {}
    if options.direction is not None:
        given["direction"] = Direction(options.direction)
    if options.prefer is not None:
        given["preference"] = Preference(options.prefer)
    if options.max_delete is not None:
        given["max_delete"] = options.max_delete
    if options.patterns:
        given["patterns"] = read_selection(options).patterns
    if options.no_ignore:
        given["ignore_files"] = False
    if options.strict_names:
        given["strict_names"] = True
    if options.follow_links:
        given["follow_links"] = True
    if options.merge:
        given["merge"] = True
    if options.bwlimit:
        given["bandwidth"] = f"{options.bwlimit:.0f}B"
    if options.remote is not None:
        server, path = parse_remote_operand(options.remote)
        pair = SavedPair(folder=os.path.abspath(options.folder), server=server, path=path, **given)
        pair.check()
        return pair
    saved = pair_file().find(options.folder)
    if saved is None:
        raise OperatorError(
            f"{options.folder} has no saved pair. Name its other side, as in: homeftp sync Documents nas:Documents"
        )
    pair = attrs.evolve(saved, **given)
    pair.check()
    return pair


def list_pairs(options: argparse.Namespace) -> Exit:
    """Print the saved pairs."""
    file = pair_file()
    pairs = file.load()
    for pair in pairs:
        if options.json:
            print_json(
                {
                    "folder": pair.local,
                    "remote": pair.remote,
                    "direction": pair.direction.value,
                    "prefer": None if pair.preference is None else pair.preference.value,
                    "max_delete": pair.max_delete,
                }
            )
        else:
            how = "" if pair.direction is Direction.BOTH else f" (--{pair.direction.value})"
            print(f"{printable(pair.folder)}  {printable(pair.remote)}{how}")
    if not (pairs or options.json or options.quiet):
        print(f"{file.path} has no pairs. {_HOW_TO_SAVE}")
    return Exit.DONE


_HOW_TO_SAVE = "Sync two folders and save them: homeftp sync --save Documents nas:Documents"


def forget_pair(options: argparse.Namespace) -> Exit:
    """Remove a saved pair; its folders stay as they are."""
    from homeftp.client import StatusFolder, pair_status_path

    if options.folder is not None:
        raise OperatorError("name the folder of one pair: homeftp sync --forget Documents")
    pair = pair_file().forget(options.forget)
    StatusFolder(pair_status_path(os.environ)).forget(pair.local)
    print_result(
        options,
        f"{pair.folder} is no longer synced with {pair.remote}. Both folders stay as they are.",
        {"folder": pair.local, "remote": pair.remote},
    )
    return Exit.DONE


def sync_pairs(options: argparse.Namespace, check_question: Callable[[argparse.Namespace], None]) -> int:
    """Sync all saved pairs once, or keep them in step; returns the exit code."""
    file = pair_file()
    pairs = file.load()
    if not pairs:
        raise OperatorError(
            f"name a folder and its other side, as in: homeftp sync Documents nas:Documents. "
            f"Without them all saved pairs are synced, and {file.path} has none."
        )
    wrong = [words for name, words in OF_ONE_PAIR.items() if getattr(options, name) not in (None, False, [])]
    if wrong:
        raise OperatorError(f"{wrong[0]} are for one pair. Name its folder, or change the pair in {file.path}.")
    if options.watch:
        options.yes = True  # who saves a pair wants it to be synced
    check_question(options)

    async def main(reactor: IClientReactor) -> int:
        from homeftp.cli.pairs.desktop import DesktopNotifier
        from homeftp.cli.pairs.pairfile import changes_of_file
        from homeftp.cli.pairs.runner import PairRunner
        from homeftp.client import (
            ChangeSignal,
            LocalWatch,
            Remotes,
            StatusFolder,
            TransferResources,
            hash_cache_path,
            pair_status_path,
            seen_path,
        )

        resources = TransferResources(reactor, hash_cache_path(os.environ), seen_path(os.environ))
        try:
            remotes = Remotes(client_folder(os.environ))
            statuses = StatusFolder(pair_status_path(os.environ))
            alert = DesktopNotifier.installed(reactor).show
            runner = PairRunner(reactor, options, await resources.context(), remotes, statuses, alert=alert)
            if not options.watch:
                return await runner.sync_each(pairs)
            signal = ChangeSignal(reactor)
            watch = LocalWatch(reactor, os.path.dirname(file.path), signal.changed, events=changes_of_file)
            try:
                await runner.keep_all(file.load, signal)
            finally:
                watch.stop()
                signal.close()
            return Exit.DONE
        finally:
            await resources.close()

    return run_reactor(main)
