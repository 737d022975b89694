"""The output of push, get and cmp: lines for what needs attention, JSON for every file, a summary, the exit code."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Collection

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import add_json_argument, format_count, format_size, print_json, printable
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import FileResult, TransferObserver

COMPLAINTS = ("refused", "failed", "corrupt", "damaged", "skipped", "newer", "suspicious", "conflict")
"""The outcomes that are printed without --verbose."""

Complaint = tuple[str, str, str]
"""The outcome of a file that a person has to look at, its name, and the reason."""

_NOT_REPLACED = {
    "newer": "not replaced, because the target is newer. Use --force to replace it.",
    "suspicious": "not replaced. Size and time match but the content differs, so one copy may be damaged. "
    "Check both; use --force to replace the target.",
    "conflict": "not replaced, because this machine has not seen the server's copy: someone else may have changed it. "
    "Compare them with cmp, or get the server's under another name; then push again. Use --force to replace it unseen.",
}

_TRANSFERRED = ("new", "replaced", "mended")
"""The outcomes of files whose content is transferred."""

_ONLY_METADATA = "only time or mode updated"

_DIGITS = 3
"""Decimals of seconds in JSON: milliseconds."""


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output options that push, get and cmp share."""
    add_json_argument(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")


def resume_message(name: str, size: int) -> str:
    """The message for a file whose transfer resumes."""
    return f"Resuming {printable(name)}: {format_size(size)} had already been transferred."


def suspended_message(name: str, size: int) -> str:
    """The message for a file whose transfer has stopped, and can be resumed."""
    return f"Kept the {format_size(size)} of {printable(name)} that have arrived. Run the same command to continue."


class TransferReport:
    """Prints the results of a transfer as they come, then the summary.

    Lines go through `write`, which calls what prints them, perhaps later. `stop` is called once, when output cannot be
    written; nothing is printed after that. `top` names the whole transfer, for results that have no name of their own.
    With `said`, the `complaints` of an earlier transfer, only others are printed. Where several transfers print at the
    same time, `label` says in each line which one it is.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        write: Callable[[Callable[[], None]], None],
        stop: Callable[[], object],
        top: str = ".",
        said: Collection[Complaint] | None = None,
        label: str = "",
    ) -> None:
        self.failure: Exception | None = None
        """Why output cannot be written any more."""
        self.complaints: set[Complaint] = set()
        """The files that a person has to look at; only with `said`."""
        self._said = said
        self._label = f"{printable(label)}: " if label else ""
        self._json_label = {"pair": label} if label else {}
        self._write = write
        self._stop = stop
        self._top = top
        self._json = options.json
        self._quiet = options.quiet
        self._verbose = options.verbose
        self._comparing = options.command == "cmp"
        self._dry_run = options.dry_run and not self._comparing
        self._silent = self._find_silent()
        """The outcomes that need nothing printed or counted here, unless there is a reason."""
        self._planned_bytes = 0
        self._begun = time.monotonic()

    def result(self, item: FileResult) -> None:
        """Print the result of one file or folder. Raises nothing, because a transfer calls it while it runs."""
        if item.outcome.value in self._silent and not item.reason:
            return  # there may be very many of these
        if self._dry_run and item.kind == "file" and item.outcome.value in _TRANSFERRED:
            self._planned_bytes += item.size
        if self._is_printed(item) and not self._is_repeated(item):
            self._write(lambda: self._guarded(lambda: self._print_result(item)))

    @property
    def prints_same(self) -> bool:
        """Whether each file that is the same is printed."""
        return "same" not in self._silent

    def _find_silent(self) -> frozenset[str]:
        if self._json or (self._verbose and not self._quiet):
            return frozenset()
        return frozenset(
            {"same"} if self._comparing or self._dry_run else {"same", "metadata", "renamed", *_TRANSFERRED}
        )

    def notice(self, message: str) -> None:
        """Print a message about the transfer itself, such as a lost connection. Raises nothing."""

        def output() -> None:
            print(f"homeftp: {self._label}{printable(message)}", file=sys.stderr, flush=True)

        self._write(lambda: self._guarded(output))

    def _guarded(self, output: Callable[[], None]) -> None:
        if self.failure is None:
            try:
                output()
            except (OSError, OperatorError) as failure:
                self.failure = failure
                self._stop()

    def _is_printed(self, item: FileResult) -> bool:
        from homeftp.client import Outcome

        if self._json:
            return True
        if self._is_complaint(item):
            return not (self._quiet and item.outcome is Outcome.SKIPPED)
        if self._quiet:
            return False
        if self._comparing and item.outcome is not Outcome.SAME:
            return item.within is None or self._verbose
        return self._verbose or bool(item.reason) or (self._dry_run and item.outcome is not Outcome.SAME)

    def _is_repeated(self, item: FileResult) -> bool:
        if self._said is None or self._json or not self._is_complaint(item):
            return False
        complaint = (item.outcome.value, item.name, item.reason)
        self.complaints.add(complaint)
        return complaint in self._said

    def _is_complaint(self, item: FileResult) -> bool:
        outcome = item.outcome.value
        return outcome in COMPLAINTS and not (self._comparing and outcome == "suspicious")  # one of the differences

    def _print_result(self, item: FileResult) -> None:
        from homeftp.client import Outcome

        if self._json:
            self._print_json(item)
        elif self._is_complaint(item):
            self._print_complaint(item)
        elif self._comparing and item.outcome is not Outcome.SAME:
            self._print_difference(item)
        elif item.reason:
            name = printable(item.name or self._top)
            print(f"homeftp: {self._label}{name}: {printable(item.reason)}", file=sys.stderr)
        else:
            print(f"{self._label}{item.outcome.value:9} {printable(item.name or self._top)}")

    def _print_json(self, item: FileResult) -> None:
        fields: dict[str, Any] = {
            **self._json_label,
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

    def _print_complaint(self, item: FileResult) -> None:
        reason = item.reason or _NOT_REPLACED.get(item.outcome.value, "")
        name = printable(item.name or self._top)
        print(f"homeftp: {self._label}{item.outcome.value}: {name}: {printable(reason)}", file=sys.stderr)

    def _print_difference(self, item: FileResult) -> None:
        details = item.reason or ", ".join({"hash": "content", "mtime_us": "time"}.get(d, d) for d in item.differs)
        if item.outcome.value == "suspicious":
            details += ", though size and time are the same"
        if item.holds is not None:
            details = f"folder with {format_count(*item.holds)}" if any(item.holds) else "empty folder"
        words = {"missing": "only here", "extra": "only on the server"}
        print(f"{words.get(item.outcome.value, item.outcome.value)}: {printable(item.name or self._top)}", end="")
        print(f" ({printable(details)})" if details else "")

    def print_summary(self, observer: TransferObserver) -> Exit:
        """Print the summary and return the exit code."""
        seconds = time.monotonic() - self._begun
        if self._json:
            counts = {outcome.value: number for outcome, number in observer.counts.items()}
            folders = {
                outcome.value: number for (outcome, kind), number in observer.kinds.items() if kind == "directory"
            }
            summary = {
                **self._json_label,
                "summary": counts,
                "folders": folders,
                "bytes": self._planned_bytes if self._dry_run else observer.bytes_moved,
                "seconds": round(seconds, _DIGITS),
            }
            print_json({**summary, "dry_run": True} if self._dry_run else summary)
        elif not self._quiet:
            parts = ", ".join(_summary(observer)) or "Nothing to do."
            if self._dry_run:
                size = format_size(self._planned_bytes)
                print(f"{self._label}Nothing was changed. Would be: {parts}; {size}", file=sys.stderr)
                return exit_code(observer)
            stored = any(each.value in (*_TRANSFERRED, "merged") for each in observer.counts)
            moved = observer.bytes_moved if stored else 0
            rate = f"; {format_size(moved)} in {seconds:.1f} s" if moved else ""
            print(f"{self._label}{parts}{rate}", file=sys.stderr)
        return exit_code(observer)


def _summary(observer: TransferObserver) -> list[str]:
    """One phrase for each outcome, such as "2 files and 1 folder new"."""
    phrases = []
    for outcome in observer.counts:
        count = format_count(*(observer.kinds[outcome, kind] for kind in ("file", "directory", "other")))
        phrases.append(f"{count}: {_ONLY_METADATA}" if outcome.value == "metadata" else f"{count} {outcome.value}")
    return phrases


def exit_code(observer: TransferObserver) -> Exit:
    """The exit code of a transfer: the worst outcome of any file decides."""
    from homeftp.client import Outcome

    if observer.counts[Outcome.CORRUPT]:
        return Exit.UNREACHABLE
    if observer.counts[Outcome.REFUSED]:
        return Exit.REFUSED
    if any(number for outcome, number in observer.counts.items() if not outcome.done):
        return Exit.DIFFERS
    return Exit.DONE
