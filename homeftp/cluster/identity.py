"""The identity of a home whose servers are several: each has the same CA, so that a client that knows one knows all.

The CA's key is in the database, beside the accounts: who can write there can let anybody in anyway. So is the key by
which SSH clients know a server. A certificate of its own makes each server for itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Callable

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import SchemaPart, expect_current
from homeftp.crypto.ca import HomeCA, adopt_ca, new_home, read_ca
from homeftp.crypto.sshhostkey import read_host_key, write_host_key
from homeftp.errors import OperatorError

_STEP = """
CREATE TABLE identity (
    one integer PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    certificate bytea NOT NULL,
    key bytea NOT NULL
);
"""

_SSH_KEY = "ALTER TABLE identity ADD COLUMN ssh_key bytea;"

IDENTITY = SchemaPart("identity", (_STEP, _SSH_KEY), left=("identity",))
"""One row: the CA of the cluster, and the key that servers show to SSH clients. No dump has it: each server's state
folder does."""


def bring_identity(transaction: Transaction, home: HomeCA) -> None:
    """Give a cluster without an identity its CA."""
    transaction.execute("INSERT INTO identity (certificate, key) VALUES (%s, %s)", (home.certificate, home.key))


def share_identity(database: Database, state: str, *, now: Callable[[], datetime]) -> None:
    """Let the server with this state folder have the cluster's CA, or the cluster that of its first server.

    A new CA is stored in the state folder after the cluster has it: another server may be the first one instead. Raises
    `OperatorError` where the state folder has another CA, which devices may trust already.
    """
    own = read_ca(state)

    def work(transaction: Transaction) -> HomeCA:
        transaction.execute("LOCK TABLE identity IN EXCLUSIVE MODE")
        row = transaction.row("SELECT certificate, key FROM identity")
        if row is not None:
            return HomeCA(bytes(row[0]), bytes(row[1]))
        home = own or new_home(now())
        bring_identity(transaction, home)
        return home

    shared = database.transact(work)
    if own is None:
        adopt_ca(state, shared)
    elif own != shared:
        raise OperatorError(
            f"the state folder {state} holds the identity of another home: give the servers of a cluster a new state "
            "folder each with --state DIR"
        )


def share_ssh_key(database: Database, own: bytes) -> bytes:
    """The key that the servers show to SSH clients. Where the cluster has none yet, this server's own becomes it.

    The cluster has an identity already.
    """

    def work(transaction: Transaction) -> bytes:
        (shared,) = transaction.row("SELECT ssh_key FROM identity FOR UPDATE")
        if shared is not None:
            return bytes(shared)
        transaction.execute("UPDATE identity SET ssh_key = %s", (own,))
        return own

    return database.transact(work)


def take_identity(database: Database, state: str) -> None:
    """Let a state folder that belongs to no cluster have the CA of one, where that has one yet, and its SSH key.

    An SSH key that it has is kept. Raises `OperatorError` where it has another CA, which devices may trust already, and
    where the database lacks a step that this version needs.
    """
    expect_current(database, [IDENTITY])
    row = database.row("SELECT certificate, key, ssh_key FROM identity")
    if row is None:
        return
    shared, own = HomeCA(bytes(row[0]), bytes(row[1])), read_ca(state)
    if own is None:
        adopt_ca(state, shared)
    elif own != shared:
        raise OperatorError(f"the state folder {state} holds the identity of another home: name another one")
    if row[2] is not None and read_host_key(state) is None:
        write_host_key(state, bytes(row[2]))
