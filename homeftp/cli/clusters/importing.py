"""`homeftp cluster import`: a shared folder, with its versions, becomes that of a cluster."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from homeftp.cli.clusters.copying import check_arguments, copy_accounts, copy_all, open_one

if TYPE_CHECKING:
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import IStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder, and the options that only this action has."""
    parser.add_argument("folder", metavar="DIR", help="the shared folder")
    parser.add_argument("--state", metavar="DIR", help="the state folder of its server, whose accounts are copied too")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only what could not be copied")


def run(options: argparse.Namespace) -> int:
    """Copy everything; returns the exit code."""
    from homeftp.server.cluster import bring_accounts, expect_accounts

    check_arguments(options)
    if options.state is not None:
        expect_accounts(options.state)
    with contextlib.ExitStack() as opened:
        target = _open_target(options, opened)
        source = _open_source(options, opened)
        code = copy_all(options, source, target, "import")
    if options.state is not None:
        copy_accounts(options, bring_accounts, "cluster")
    return code


def _open_source(options: argparse.Namespace, opened: contextlib.ExitStack) -> IStore:
    from homeftp.control.scrubstate import load_scrub_state
    from homeftp.interfaces.store import StoreOptions

    known = False
    if options.state is not None:
        state = load_scrub_state(options.state)
        known = state is not None and state.known and os.path.realpath(state.root) == os.path.realpath(options.folder)
    return open_one(options.folder, StoreOptions(state_dir=options.state, known=known), opened)


def _open_target(options: argparse.Namespace, opened: contextlib.ExitStack) -> IImportingStore:
    from homeftp.audit.log import Audit
    from homeftp.audit.table import AuditTable, journal_of
    from homeftp.cluster.database import Database
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import StoreOptions
    from homeftp.model import Actor

    database = Database(options.database, connections=1)
    opened.callback(database.close)
    audit = Audit("", sink=AuditTable(database))
    store = open_one(options.database, StoreOptions(objects=options.objects, journal=journal_of(audit.lines)), opened)
    target = store.bind(Actor(request="import"))
    assert IImportingStore.providedBy(target)
    return target
