"""Copies one store to another, with a report: the common part of `homeftp cluster import` and `export`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Callable

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.progressline import ProgressLine
from homeftp.cli.terminal.text import format_size, print_json, printable
from homeftp.cli.terminal.times import format_moment
from homeftp.errors import OperatorError, Refusal, counted

if TYPE_CHECKING:
    from homeftp.accounts.state.copying import CopiedAccounts
    from homeftp.cluster.database import Database
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import IStore, StoreOptions
    from homeftp.store.importing import ImportStep

_DIGITS = 3
"""Decimals of seconds in JSON: milliseconds."""


def check_arguments(options: argparse.Namespace) -> None:
    """Raise `OperatorError` where the database is none, or where the folder is a URL of another store."""
    from homeftp.store.factory import CLUSTER_SCHEME, scheme_of

    if scheme_of(options.database) != CLUSTER_SCHEME:
        raise OperatorError(f"{printable(options.database)} is not a database: write postgresql://USER@HOST/DATABASE")
    if scheme_of(options.folder) not in (None, "file"):
        raise OperatorError(f"{options.folder} is not a folder of this machine")


def open_one(location: str, options: StoreOptions, opened: contextlib.ExitStack) -> IStore:
    """Open the store at a location, until `opened` ends. Raises `OperatorError`."""
    from homeftp.store.factory import open_store

    store = open_store(location, options)
    opened.callback(store.close)
    return store


def copy_accounts(
    options: argparse.Namespace, copy: Callable[[str, Database], CopiedAccounts | None], target: str
) -> None:
    """Copy accounts between the state folder and the database, by `copy`, and tell how many; `target` gets them."""
    from homeftp.cluster.database import Database

    with contextlib.closing(Database(options.database, connections=1)) as database:
        copied = copy(options.state, database)
    if options.json:
        print_json({"accounts": None if copied is None else copied.accounts})
    elif copied is None:
        print(f"The {target} has accounts already: none were copied.", file=sys.stderr)
    elif not options.quiet:
        accounts, devices = counted(copied.accounts, "account"), counted(copied.devices, "login")
        print(f"Copied {accounts} with {devices}.", file=sys.stderr)


def copy_all(
    options: argparse.Namespace,
    source: IStore,
    target: IImportingStore,
    what: str,
    *,
    finish: IStore | None = None,
) -> int:
    """Copy one store to another, and report it; returns the exit code. Raises `OperatorError`, which names the command.

    The directories of `finish`, the same as `target`, get their modes and times at the end.
    """
    from homeftp.store.importing import ImportStep, finish_directories, import_store

    report = CopyReport(options)
    try:
        for step in import_store(source, target):
            report.add(step)
        if finish is not None:
            for failure in finish_directories(source, finish):
                report.add(ImportStep(failures=(failure,)))
    except Refusal as error:
        report.clear()
        raise OperatorError(
            f"the {what} stopped: {error.message}. What was copied is kept: run the same command again to continue"
        ) from error
    return report.print_summary()


class CopyReport:
    """Prints the steps of a copy: the failures, progress, and a summary."""

    def __init__(self, options: argparse.Namespace, clock: Callable[[], float] = time.monotonic) -> None:
        self._json = options.json
        self._quiet = options.quiet
        self._progress = ProgressLine(hidden=options.json or options.quiet, clock=clock)
        self._files = self._directories = self._versions = self._size = self._there = self._failed = 0

    def add(self, step: ImportStep) -> None:
        """Count one step, and print what failed."""
        self._files += step.files
        self._directories += step.directories
        self._versions += step.versions
        self._size += step.size
        self._there += step.there
        self._failed += len(step.failures)
        if step.failures:
            self.clear()
        for failure in step.failures:
            if self._json:
                fields = {"outcome": "failed", "name": failure.name, "at": failure.at_us, "reason": failure.reason}
                print_json({key: value for key, value in fields.items() if value is not None})
            else:
                version = "" if failure.at_us is None else f" (version of {format_moment(failure.at_us)})"
                print(f"failed: {printable(failure.name)}{version}: {printable(failure.reason)}")
        self._progress.show(f"Copied {counted(self._files, 'file')}, {format_size(self._size)}")

    def clear(self) -> None:
        """Remove the line of progress."""
        self._progress.clear()

    def print_summary(self) -> Exit:
        """Print the summary and return the exit code."""
        self.clear()
        seconds = self._progress.seconds
        if self._json:
            summary = {
                "files": self._files,
                "directories": self._directories,
                "versions": self._versions,
                "there": self._there,
                "failed": self._failed,
            }
            print_json({"summary": summary, "bytes": self._size, "seconds": round(seconds, _DIGITS)})
        elif not self._quiet:
            there = f" {self._there:,} were there already." if self._there else ""
            failed = f" {self._failed:,} failed." if self._failed else ""
            print(
                f"Copied {counted(self._files, 'file')}, {counted(self._directories, 'folder')} and "
                f"{counted(self._versions, 'version')}, {format_size(self._size)} in {seconds:.1f} s.{there}{failed}",
                file=sys.stderr,
            )
        return Exit.DIFFERS if self._failed else Exit.DONE
