"""`homeftp cluster export`: all that a cluster has becomes a shared folder with versions."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from homeftp.cli.clusters.copying import check_arguments, copy_accounts, copy_all, open_one
from homeftp.config import DAY, Retention
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.interfaces.store import IStore

_ALL = Retention(seconds=10_000 * 365 * DAY, percent=100.0)
"""While they are written no version is removed: they are as old as they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder, and the options that only this action has."""
    parser.add_argument("folder", metavar="DIR", help="the shared folder, which is made where it is missing")
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="the state folder for its server: it gets the accounts, and the identity that paired devices trust",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only what could not be copied")


def run(options: argparse.Namespace) -> int:
    """Copy everything; returns the exit code."""
    from homeftp.interfaces.importing import IImportingStore
    from homeftp.interfaces.store import StoreOptions
    from homeftp.server.cluster import take_accounts

    check_arguments(options)
    with contextlib.ExitStack() as opened:
        source = open_one(options.database, StoreOptions(objects=options.objects), opened)
        if options.state is not None:
            copy_accounts(options, take_accounts, "state folder")
        target = _open_target(options, opened)
        assert IImportingStore.providedBy(target)
        return copy_all(options, source, target, "export", finish=target)


def _open_target(options: argparse.Namespace, opened: contextlib.ExitStack) -> IStore:
    from homeftp.interfaces.store import StoreOptions
    from homeftp.model import Actor

    try:
        os.makedirs(options.folder, exist_ok=True)
    except OSError as error:
        raise OperatorError(f"cannot make {options.folder}: {error.strerror}") from error
    given = StoreOptions(state_dir=options.state, similar_names=True, retention=_ALL)
    store = open_one(options.folder, given, opened)
    if store.read_only is not None:
        raise OperatorError(f"{options.folder} cannot be written to: {store.read_only}")
    return store.bind(Actor(request="export"))
