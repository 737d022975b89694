"""What a person or a script reads of a transfer: lines for what needs a look, JSON for all of it, and the sum."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client.transfer.model import FileResult
    from homeftp.client.transfer.observer import TransferObserver

_COMPLAINTS = ("refused", "failed", "corrupt", "skipped", "newer", "suspicious")
"""Outcomes that a person is told of without asking."""

_LEFT_ALONE = {
    "newer": "left alone: the target is newer (--force replaces it)",
    "suspicious": "left alone: same size and time but not the same content, so one copy may be damaged: "
    "look at both (--force replaces the target)",
}

_UNITS = ("B", "kB", "MB", "GB", "TB")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every command for files has."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, for scripts")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but what went wrong")


def shown(name: str) -> str:
    """A name as a terminal may show it: control and bidirectional characters are written out."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def size_shown(size: float) -> str:
    """A count of bytes for people, in powers of 1000 as disks and networks are sold."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def resumed(name: str, size: int) -> str:
    """That a file is gone on with, in words."""
    return f"going on with {shown(name)}: {size_shown(size)} of it are there already"


def print_json(fields: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(fields) + "\n")


def _counted(files: int, folders: int, others: int = 0) -> str:
    """So many files and folders, in words; where neither is known to be meant, the number alone."""
    parts = []
    if files:
        parts.append("1 file" if files == 1 else f"{files} files")
    if folders:
        parts.append("1 folder" if folders == 1 else f"{folders} folders")
    if others:
        parts.append(f"{others} other" if parts else f"{others}")
    return " and ".join(parts)


class TransferReport:
    """Prints what a transfer tells, and knows the exit status in the end.

    `stop` is called once when what it prints cannot be written; nothing is
    printed after that. `top` is what to call the whole of what is moved or
    compared.
    """

    def __init__(self, options: argparse.Namespace, stop: Callable[[], object], top: str = ".") -> None:
        self.failure: Exception | None = None
        """Why it cannot print any more."""
        self._stop = stop
        self._top = top
        self._json = options.json
        self._quiet = options.quiet
        self._verbose = getattr(options, "verbose", False)
        self._comparing = options.command == "cmp"
        self._begun = time.monotonic()
        self._refused_newer = 0

    def item(self, item: FileResult) -> None:
        """One file or directory is done with. Raises nothing: it is called in the middle of a transfer."""
        if self.failure is None:
            try:
                self._tell(item)
            except (OSError, OperatorError) as failure:
                self.failure = failure
                self._stop()

    def note(self, words: str) -> None:
        """Something that happened on the way, for a person. Raises nothing."""
        if self.failure is None:
            try:
                print(f"homeftp: {shown(words)}", file=sys.stderr, flush=True)
            except (OSError, OperatorError) as failure:
                self.failure = failure
                self._stop()

    def _tell(self, item: FileResult) -> None:
        from homeftp.client.transfer.model import Outcome

        if self._json:
            self._print_json(item)
        elif item.outcome.value in _COMPLAINTS:
            if not (self._quiet and item.outcome is Outcome.SKIPPED):
                self._complain(item)
        elif self._comparing and not self._quiet and item.outcome is not Outcome.SAME:
            if item.within is None or self._verbose:
                self._say_difference(item)
        elif self._verbose and not self._quiet:
            print(f"{item.outcome.value:9} {shown(item.name or self._top)}")

    def _print_json(self, item: FileResult) -> None:
        fields: dict[str, Any] = {
            "outcome": item.outcome.value,
            "name": item.name,
            "kind": item.kind,
            "size": item.size,
        }
        if item.reason:
            fields["reason"] = item.reason
        if item.differs:
            fields["differs"] = list(item.differs)
        if item.within is not None:
            fields["within"] = item.within
        if item.holds is not None:
            fields["files"], fields["folders"] = item.holds
        print_json(fields)

    def _complain(self, item: FileResult) -> None:
        reason = _LEFT_ALONE.get(item.outcome.value, item.reason)
        print(f"homeftp: {item.outcome.value}: {shown(item.name or self._top)}: {shown(reason)}", file=sys.stderr)

    def _say_difference(self, item: FileResult) -> None:
        details = item.reason or ", ".join({"hash": "content", "mtime_us": "time"}.get(d, d) for d in item.differs)
        if item.holds is not None:
            details = f"a folder with {_counted(*item.holds)}" if any(item.holds) else "an empty folder"
        words = {"missing": "only here", "extra": "only at the server"}
        print(f"{words.get(item.outcome.value, item.outcome.value)}: {shown(item.name or self._top)}", end="")
        print(f" ({shown(details)})" if details else "")

    def finish(self, watch: TransferObserver) -> Exit:
        """Print the sum; gives the exit status."""
        seconds = time.monotonic() - self._begun
        kinds = watch.kinds
        if self._json:
            counts = {outcome.value: number for outcome, number in watch.counts.items()}
            folders = {outcome.value: number for (outcome, kind), number in kinds.items() if kind == "directory"}
            print_json(
                {"summary": counts, "folders": folders, "bytes": watch.bytes_moved, "seconds": round(seconds, 3)}
            )
        elif not self._quiet:
            sums = (
                f"{_counted(*(kinds[outcome, kind] for kind in ('file', 'directory', 'other')))} {outcome.value}"
                for outcome in watch.counts
            )
            parts = ", ".join(sums) or "nothing to do"
            rate = f"; {size_shown(watch.bytes_moved)} in {seconds:.1f} s" if watch.bytes_moved else ""
            print(f"{parts}{rate}", file=sys.stderr)
        return exit_status(watch)


def exit_status(watch: TransferObserver) -> Exit:
    """What a script is told: whether all that can be the same now is."""
    from homeftp.client.transfer.model import DONE, Outcome

    if watch.counts[Outcome.CORRUPT]:
        return Exit.UNREACHABLE
    if watch.counts[Outcome.REFUSED]:
        return Exit.REFUSED
    if any(number for outcome, number in watch.counts.items() if outcome not in DONE):
        return Exit.DIFFERS
    return Exit.DONE
