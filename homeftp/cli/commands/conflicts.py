"""`homeftp sync --conflicts` and `--resolve`: the copies that conflicts have left in a local folder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import format_size, print_json, print_result, printable
from homeftp.cli.terminal.times import format_time
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Conflict


def list_conflicts(options: argparse.Namespace) -> Exit:
    """Print the conflicts in a folder that wait for a decision."""
    from homeftp.client import find_conflicts

    if options.folder is None or options.remote is not None:
        raise OperatorError("name the folder on this machine, as in: homeftp sync --conflicts Documents")
    number = 0
    for conflict in find_conflicts(options.folder):
        number += 1
        if options.json:
            print_json(_fields(conflict))
        else:
            _print_conflict(conflict)
    if not (number or options.json or options.quiet):
        print("No conflicts.")
    return Exit.DIFFERS if number else Exit.DONE


def _fields(conflict: Conflict) -> dict[str, Any]:
    original = conflict.original
    return {
        "name": conflict.original_name,
        "copy": conflict.copy.name,
        "size": None if original is None else original.size,
        "mtime_us": None if original is None else original.mtime_us,
        "copy_size": conflict.copy.size,
        "copy_mtime_us": conflict.copy.mtime_us,
    }


def _print_conflict(conflict: Conflict) -> None:
    print(printable(conflict.original_name or conflict.copy.name))
    for words, file in (("original", conflict.original), ("copy", conflict.copy)):
        if file is None:
            print(f"  {words:8}  {_absence(conflict)}")
            continue
        name = f"  {printable(file.name.rpartition('/')[2])}" if file is conflict.copy else ""
        print(f"  {words:8}  {format_size(file.size):>9}  {format_time(file.mtime_us)}{name}")


def _absence(conflict: Conflict) -> str:
    """Why no original can be shown."""
    if conflict.original_name is None:
        return "is not known: the copy's name may have been cut. Rename or delete the copy"
    return "is not a file now" if conflict.is_in_the_way else "is gone"


def resolve(options: argparse.Namespace) -> Exit:
    """Decide about one conflict."""
    from homeftp.client import resolve_conflict

    if options.keep is None or options.folder is not None:
        raise OperatorError(
            "name the copy and say which file to keep: homeftp sync --resolve COPY --keep original|copy"
        )
    conflict = resolve_conflict(options.resolve, options.keep)
    other = "copy" if options.keep == "original" else "original"
    is_kept = conflict.original is not None or conflict.is_in_the_way
    where = f"the {other} is in .homeftp/versions" if is_kept else "there was no original"
    sentence = (
        f"{conflict.original_name} is the {options.keep} now; {where}. The next sync takes this over to the server."
    )
    print_result(options, sentence, {"name": conflict.original_name, "kept": options.keep})
    return Exit.DONE
