"""`homeftp cluster dump`, `recover` and `release`: the database of a cluster as dumps in its bucket."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from homeftp.cli.clusters.verifying import compare_all
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import format_size, print_json, print_result, printable
from homeftp.cli.terminal.times import format_moment
from homeftp.errors import OperatorError, Refusal, counted

if TYPE_CHECKING:
    from homeftp.cluster.database import Database, Transaction
    from homeftp.cluster.dumps.manifest import DumpManifest
    from homeftp.cluster.objects import Bucket
    from homeftp.crypto.ca import HomeCA

_PATIENT_SECONDS = 3600.0
"""Time for one statement of a recovery, such as an upgrade of a large table: no request waits for it."""


def add_dump_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `dump`."""
    parser.add_argument("--keep", metavar="N", type=_count, help="remove all dumps but the N newest")
    parser.add_argument("--list", action="store_true", help="write none; list those that the bucket has")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of dumps: write 1 or more")
    return int(text)


def add_recover_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `recover`."""
    parser.add_argument("--dump", metavar="NAME", help="the dump to recover; the newest without this option")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--state",
        metavar="DIR",
        help="the state folder of one of the servers: its key decrypts the accounts and the audit log",
    )
    which.add_argument("--no-accounts", action="store_true", help="recover the files only")
    parser.set_defaults(quiet=False)


def run_dump(database: Database, bucket: Bucket, options: argparse.Namespace) -> int:
    """Write a dump, or list those that there are; returns the exit code."""
    from homeftp.cluster.dumps.manifest import list_dumps
    from homeftp.cluster.dumps.writing import write_dump
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.upkeep.ownership import find_foreign

    if options.list:
        names = list_dumps(bucket)
        if options.json:
            print_json({"dumps": names})
        else:
            print("".join(f"{name}\n" for name in names), end="")
        return Exit.DONE
    try:
        foreign = find_foreign(database, bucket)
        if foreign is not None:
            raise OperatorError(f"the dump was not written: {foreign}")
        made, removed = write_dump(database, bucket, SCHEMA, options.keep)
    except Refusal as error:
        raise OperatorError(f"the dump was not written: {error.message}") from error
    also = f" Removed {counted(len(removed), 'older dump')}." if removed else ""
    rows = {table.name: table.rows for table in made.tables}
    sentence = f"Wrote the dump {made.name}: {counted(sum(rows.values()), 'row')}, {format_size(made.size)}.{also}"
    print_result(options, sentence, {"dump": made.name, "bytes": made.size, "rows": rows, "removed": removed})
    return Exit.DONE


def run_recover(options: argparse.Namespace) -> int:
    """Make the database anew, and look what is missing in the bucket; returns the exit code."""
    from homeftp.cluster.connections import DatabaseTimeouts
    from homeftp.cluster.database import Database
    from homeftp.cluster.dumps.manifest import read_manifest
    from homeftp.cluster.objects import open_bucket

    home = None if options.no_accounts else _home(options.state)
    bucket = open_bucket(options.objects, os.environ)
    timeouts = DatabaseTimeouts(maintenance=_PATIENT_SECONDS)
    with contextlib.closing(Database(options.database, connections=1, timeouts=timeouts)) as database:
        try:
            _recover(database, bucket, read_manifest(bucket, options.dump), home, options)
        except Refusal as error:
            raise OperatorError(f"nothing was recovered: {error.message}") from error
    return compare_all(options)


def _home(state: str) -> HomeCA:
    from homeftp.crypto.ca import read_ca

    home = read_ca(state)
    if home is None:
        raise OperatorError(
            f"{state} holds no identity: name the state folder of one of the servers, or a copy of it. Without any, "
            "--no-accounts recovers the files"
        )
    return home


def _recover(
    database: Database, bucket: Bucket, manifest: DumpManifest, home: HomeCA | None, options: argparse.Namespace
) -> None:
    from homeftp.cluster.dumps.manifest import lacking
    from homeftp.cluster.dumps.recovering import recover
    from homeftp.cluster.identity import bring_identity
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.tables import collected
    from homeftp.store.cluster.upkeep.ownership import find_foreign

    def also(transaction: Transaction) -> None:
        collected.hold(transaction)
        if home is not None:
            bring_identity(transaction, home)

    rows = recover(database, bucket, manifest, SCHEMA, home, also)
    foreign, lacks = find_foreign(database, bucket), lacking(manifest, SCHEMA)
    if options.json:
        refused = {} if foreign is None else {"refused": foreign}
        found = {"recovered": manifest.name, "dumped_at": manifest.begun_us, "rows": rows, "lacking": lacks}
        print_json({**found, **refused})
        return
    accounts = "no accounts" if home is None else counted(rows.get("accounts", 0), "account")
    names = rows["node"] - rows["share"]
    print(
        f"Recovered the dump of {format_moment(manifest.begun_us)}: {names:,} files and folders, "
        f"{counted(rows['version'], 'version')}, {accounts}."
    )
    if lacks:
        print(
            f"It lacks {', '.join(lacks)}: a server of an older version ({printable(manifest.version)}) wrote it. "
            "Another dump may have that; recover it into another database with --dump NAME."
        )
    if foreign is not None:
        print(f"No server will start on it yet: {foreign}.")
    sys.stdout.flush()


def run_release(database: Database, options: argparse.Namespace) -> int:
    """Let the servers look for objects that nothing names again; returns the exit code."""
    from homeftp.cluster.migrations import expect_current
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.tables import collected

    expect_current(database, SCHEMA)
    was_held = database.transact(collected.release)
    sentence = (
        "Servers remove what no file names again, each object eight days after they have found it."
        if was_held
        else f"There is nothing to release: {printable(options.database)} was not recovered, or was released already."
    )
    print_result(options, sentence, {"released": was_held})
    return Exit.DONE
