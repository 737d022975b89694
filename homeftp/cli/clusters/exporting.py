"""`homeftp cluster export`: all that a cluster has becomes a shared folder with versions."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from homeftp.cli.clusters.importing import copy_all
from homeftp.cli.terminal.text import print_json, printable
from homeftp.config import Retention
from homeftp.errors import OperatorError, counted

if TYPE_CHECKING:
    from homeftp.interfaces.store import IStore

_ALL = Retention(seconds=10_000 * 365.0 * 24 * 3600, percent=100.0)
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

    with contextlib.ExitStack() as opened:
        source = _open_cluster(options, opened)
        if options.state is not None:
            _take_accounts(options)
        target = _open_folder(options, opened)
        assert IImportingStore.providedBy(target)
        return copy_all(options, source, target, "export", finish=target)


def _open_cluster(options: argparse.Namespace, opened: contextlib.ExitStack) -> IStore:
    from homeftp.interfaces.store import StoreOptions
    from homeftp.store.factory import CLUSTER_SCHEME, open_store, scheme_of

    if scheme_of(options.database) != CLUSTER_SCHEME:
        raise OperatorError(f"{printable(options.database)} is no database: write postgresql://USER@HOST/DATABASE")
    store = open_store(options.database, StoreOptions(objects=options.objects))
    opened.callback(store.close)
    return store


def _open_folder(options: argparse.Namespace, opened: contextlib.ExitStack) -> IStore:
    from homeftp.interfaces.store import StoreOptions
    from homeftp.model import Actor
    from homeftp.store.factory import open_store, scheme_of

    if scheme_of(options.folder) not in (None, "file"):
        raise OperatorError(f"{options.folder} is no folder of this machine")
    try:
        os.makedirs(options.folder, exist_ok=True)
    except OSError as error:
        raise OperatorError(f"cannot make {options.folder}: {error.strerror}") from error
    store = open_store(options.folder, StoreOptions(state_dir=options.state, similar_names=True, retention=_ALL))
    opened.callback(store.close)
    if store.read_only is not None:
        raise OperatorError(f"{options.folder} cannot be written to: {store.read_only}")
    return store.bind(Actor(request="export"))


def _take_accounts(options: argparse.Namespace) -> None:
    from homeftp.cluster.database import Database
    from homeftp.server.cluster import take_accounts

    with contextlib.closing(Database(options.database, connections=1)) as database:
        copied = take_accounts(options.state, database)
    if options.json:
        print_json({"accounts": None if copied is None else copied.accounts})
    elif copied is None:
        print("The state folder has accounts already: none were copied.", file=sys.stderr)
    elif not options.quiet:
        accounts, devices = counted(copied.accounts, "account"), counted(copied.devices, "login")
        print(f"Copied {accounts} with {devices}.", file=sys.stderr)
