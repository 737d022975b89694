"""`homeftp cluster import`: a shared folder, with its versions, becomes that of a cluster."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Callable

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import format_size, print_json, printable
from homeftp.cli.terminal.times import format_moment
from homeftp.errors import OperatorError, Refusal, counted

if TYPE_CHECKING:
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import IStore
    from homeftp.store.importing import ImportStep

_INTERVAL = 0.5
"""Seconds between two lines of progress on a terminal."""

_DIGITS = 3
"""Decimals of seconds in JSON: milliseconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder, and the options that only this action has."""
    parser.add_argument("folder", metavar="DIR", help="the shared folder")
    parser.add_argument("--state", metavar="DIR", help="the state folder of its server: its accounts are copied, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only what could not be copied")


def run(options: argparse.Namespace) -> int:
    """Copy everything; returns the exit code."""
    from homeftp.server.cluster import expect_accounts

    if options.state is not None:
        expect_accounts(options.state)
    with contextlib.ExitStack() as opened:
        target = _open_cluster(options, opened)
        source = _open_folder(options, opened)
        code = copy_all(options, source, target)
    if options.state is not None:
        _bring_accounts(options)
    return code


def _bring_accounts(options: argparse.Namespace) -> None:
    from homeftp.cluster.database import Database
    from homeftp.server.cluster import bring_accounts

    with contextlib.closing(Database(options.database, connections=1)) as database:
        copied = bring_accounts(options.state, database)
    if options.json:
        print_json({"accounts": None if copied is None else copied.accounts})
    elif copied is None:
        print("The cluster has accounts already: none were copied.", file=sys.stderr)
    elif not options.quiet:
        accounts, devices = counted(copied.accounts, "account"), counted(copied.devices, "login")
        print(f"Copied {accounts} with {devices}.", file=sys.stderr)


def copy_all(
    options: argparse.Namespace,
    source: IStore,
    target: IImportingStore,
    what: str = "import",
    *,
    finish: IStore | None = None,
) -> int:
    """Copy one store to another, and report it; returns the exit code. Raises `OperatorError`.

    The directories of `finish`, the same as `target`, get their modes and times at the end.
    """
    from homeftp.store.importing import ImportStep, finish_directories, import_store

    report = ImportReport(options)
    try:
        for step in import_store(source, target):
            report.add(step)
        if finish is not None:
            for failure in finish_directories(source, finish):
                report.add(ImportStep(failures=(failure,)))
    except Refusal as error:
        report.clear()
        raise OperatorError(
            f"the {what} stopped: {error.message}. What was copied stays: run the same command again to go on"
        ) from error
    return report.finish()


def _open_folder(options: argparse.Namespace, opened: contextlib.ExitStack) -> IStore:
    from homeftp.control.scrubstate import load_scrub_state
    from homeftp.interfaces.store import StoreOptions
    from homeftp.store.factory import open_store, scheme_of

    if scheme_of(options.folder) not in (None, "file"):
        raise OperatorError(f"{options.folder} is no folder of this machine")
    known = False
    if options.state is not None:
        state = load_scrub_state(options.state)
        known = state is not None and state.known and os.path.realpath(state.root) == os.path.realpath(options.folder)
    store = open_store(options.folder, StoreOptions(state_dir=options.state, known=known))
    opened.callback(store.close)
    return store


def _open_cluster(options: argparse.Namespace, opened: contextlib.ExitStack) -> IImportingStore:
    from homeftp.audit.log import Audit
    from homeftp.audit.table import AuditTable
    from homeftp.cluster.database import Database
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import StoreOptions
    from homeftp.model import Actor
    from homeftp.server.cluster import journal
    from homeftp.store.factory import CLUSTER_SCHEME, open_store, scheme_of

    if scheme_of(options.database) != CLUSTER_SCHEME:
        raise OperatorError(f"{printable(options.database)} is no database: write postgresql://USER@HOST/DATABASE")
    database = Database(options.database, connections=1)
    opened.callback(database.close)
    audit = Audit("", sink=AuditTable(database))
    store = open_store(options.database, StoreOptions(objects=options.objects, journal=journal(audit)))
    opened.callback(store.close)
    target = store.bind(Actor(request="import"))
    assert IImportingStore.providedBy(target)
    return target


class ImportReport:
    """Prints the steps of an import: what failed, progress, and a summary."""

    def __init__(self, options: argparse.Namespace, clock: Callable[[], float] = time.monotonic) -> None:
        self._json = options.json
        self._quiet = options.quiet
        self._clock = clock
        self._begun = self._shown = clock()
        self._line = ""
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
        self._show_progress()

    def _show_progress(self) -> None:
        now = self._clock()
        if self._json or self._quiet or now - self._shown < _INTERVAL or not sys.stderr.isatty():
            return
        self.clear()
        self._shown = now
        self._line = f"Copied {counted(self._files, 'file')}, {format_size(self._size)}"
        sys.stderr.write(self._line)
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line of progress."""
        if self._line:
            sys.stderr.write("\r" + " " * len(self._line) + "\r")
            self._line = ""

    def finish(self) -> Exit:
        """Print the summary; returns the exit code."""
        self.clear()
        seconds = self._clock() - self._begun
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
