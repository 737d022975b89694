"""The output of `homeftp verify`: what is damaged, progress, a summary, and the exit code."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Callable

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.progressline import ProgressLine
from homeftp.cli.terminal.text import add_json_argument, format_size, print_json, printable
from homeftp.cli.terminal.times import format_moment
from homeftp.errors import counted
from homeftp.model import Damage, Verification

_DIGITS = 3
"""Decimals of seconds in JSON: milliseconds."""

_DAMAGED = {
    "disk": {"content": "the disk has another content than was stored", "unreadable": "the disk cannot read it"},
    "bucket": {
        "content": "the bucket has another content than was stored",
        "unreadable": "the bucket has not kept all of it",
    },
}
_MENDED = "it was damaged, and was copied again from another file or version"


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the output options."""
    add_json_argument(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print only damaged files and errors")


class VerifyReport:
    """Prints the steps of a verification; `top` names what is verified, and `where` its bytes are: disk or bucket."""

    def __init__(
        self,
        options: argparse.Namespace,
        top: str,
        clock: Callable[[], float] = time.monotonic,
        where: str = "disk",
    ) -> None:
        self._json = options.json
        self._quiet = options.quiet
        self._top = top
        self._reasons = _DAMAGED[where]
        self._progress = ProgressLine(hidden=options.json or options.quiet, clock=clock)
        self._files = self._versions = self._size = self._damaged = self._mended = 0

    def add(self, step: Verification) -> None:
        """Print what one step has found, and count it. Raises OSError."""
        self._files += step.files
        self._versions += step.versions
        self._size += step.size
        self._damaged += len(step.damages)
        self._mended += sum(each.mended for each in step.damages)
        if step.damages or step.skipped:
            self._progress.clear()
        for damage in step.damages:
            self._print_damage(damage)
        if not self._quiet:
            for name, reason in step.skipped:
                print(f"homeftp: not verified: {printable(name)}: {printable(reason)}", file=sys.stderr)
        self._progress.show(f"Verified {counted(self._files + self._versions, 'file')}, {format_size(self._size)}")

    def _print_damage(self, damage: Damage) -> None:
        outcome = "mended" if damage.mended else "damaged"
        name = damage.name or self._top
        if self._json:
            fields = {
                "outcome": outcome,
                "name": name,
                "kind": "file" if damage.at_us is None else "version",
                "damage": damage.damage,
                "hash": damage.hash,
                "at": damage.at_us,
            }
            print_json({key: value for key, value in fields.items() if value is not None})
            sys.stdout.flush()
            return
        version = "" if damage.at_us is None else f" (version of {format_moment(damage.at_us)})"
        reason = _MENDED if damage.mended else self._reasons[damage.damage]
        print(f"{outcome}: {printable(name)}{version}: {reason}", flush=True)

    @property
    def damaged(self) -> int:
        """Files and versions that are damaged, so far."""
        return self._damaged

    @property
    def code(self) -> Exit:
        """The exit code, so far."""
        return Exit.DIFFERS if self._damaged else Exit.DONE

    def print_summary(self) -> Exit:
        """Print the summary and return the exit code."""
        self._progress.clear()
        seconds = self._progress.seconds
        if self._json:
            summary = {
                "files": self._files,
                "versions": self._versions,
                "damaged": self._damaged,
                "mended": self._mended,
            }
            print_json({"summary": summary, "bytes": self._size, "seconds": round(seconds, _DIGITS)})
        elif not self._quiet:
            found = "nothing is damaged"
            if self._damaged:
                found = f"{self._damaged} damaged, {self._mended} of them mended"
            print(
                f"Verified {counted(self._files, 'file')} and {counted(self._versions, 'version')}, "
                f"{format_size(self._size)} in {seconds:.1f} s: {found}.",
                file=sys.stderr,
            )
        return self.code
