"""`homeftp cluster verify`: all that a cluster has in its bucket is read, or listed, and nothing is changed."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Callable, Iterator

from homeftp.cli.terminal.text import format_size, print_json, printable
from homeftp.cli.terminal.verification import VerifyReport
from homeftp.cli.transfer.rates import parse_rate
from homeftp.errors import OperatorError, Refusal, counted

if TYPE_CHECKING:
    from homeftp.model import Verification
    from homeftp.store.cluster.upkeep.inspection import ClusterInspection

_WHERE = "bucket"
"""Where the bytes are, for the messages."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this action has."""
    parser.add_argument(
        "--bwlimit",
        metavar="RATE",
        type=parse_rate,
        help="limit the rate of reading, in KiB per second, or with a unit such as 1.5M or 500KB; 0 means no limit",
    )
    parser.add_argument(
        "--listing",
        action="store_true",
        help="read nothing; only check a listing of the bucket for missing objects",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only what is damaged")


class Pace:
    """Keeps what is read below a rate, on average over the time since it last had to wait for nothing."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`rate`: bytes a second; None: no limit."""
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free = clock()

    def __call__(self, size: int) -> None:
        """Count bytes that were read; returns when more may be."""
        if self._rate is None:
            return
        now = self._clock()
        self._free = max(self._free, now) + size / self._rate
        self._sleep(self._free - now)


def run(options: argparse.Namespace) -> int:
    """Verify everything; returns the exit code."""
    if options.listing:
        return compare_all(options)
    with _inspection(options, Pace(options.bwlimit)) as inspection:
        return _report(options, inspection.read()).print_summary()


def compare_all(options: argparse.Namespace) -> int:
    """Look what is missing in the bucket, and what is there that nothing names; returns the exit code."""
    with _inspection(options, Pace(None)) as inspection:
        report = _report(options, inspection.compare())
        if options.json:
            print_json({"unnamed": inspection.unnamed, "unnamed_bytes": inspection.unnamed_bytes})
            return report.print_summary()
        missing = report.damaged
        print(f"The bucket has not kept {counted(missing, 'content')}." if missing else "Nothing is missing.")
        if inspection.unnamed:
            there = f"{counted(inspection.unnamed, 'object')} with {format_size(inspection.unnamed_bytes)}"
            print(f"In the bucket, and named by no file: {there}.")
            if inspection.is_held:
                print(
                    "They stay: some may be of files that were stored after the dump. Let the servers remove them "
                    f"with: homeftp cluster release {printable(shlex.quote(options.database))}"
                )
        return report.code


@contextlib.contextmanager
def _inspection(options: argparse.Namespace, pace: Callable[[int], None]) -> Iterator[ClusterInspection]:
    from homeftp.cluster.objects import open_bucket
    from homeftp.interfaces.store import StoreOptions
    from homeftp.store.cluster.factory import open_context
    from homeftp.store.cluster.upkeep.inspection import ClusterInspection

    context = open_context(options.database, open_bucket(options.objects, os.environ), StoreOptions())
    with contextlib.closing(context.database):
        yield ClusterInspection(context, pace)


def _report(options: argparse.Namespace, steps: Iterator[Verification]) -> VerifyReport:
    report = VerifyReport(options, "", where=_WHERE)
    try:
        for step in steps:
            report.add(step)
    except Refusal as error:
        sys.stdout.flush()
        raise OperatorError(
            f"the verification stopped: {error.message}. Nothing was changed: run the same command again"
        ) from error
    return report
