"""Which cluster a server belongs to: a file in its state folder, for the commands of its owner.

It holds no secret: credentials come from the environment or from files, as for every program that uses PostgreSQL or
S3 (docs/cluster).
"""

from __future__ import annotations

import os

import msgspec

from homeftp.crypto.secretfiles import private_folder, read_private, write_private
from homeftp.errors import OperatorError

CLUSTER_FILE = "cluster.json"
"""Inside the state folder."""


class ClusterAddress(msgspec.Struct, frozen=True):
    """Where the database of a cluster is, and its bucket: URLs without passwords."""

    database: str
    objects: str


def read_address(folder: str) -> ClusterAddress | None:
    """The cluster that the server with this state folder belongs to; None where it belongs to none.

    Raises `OperatorError` where that is not known.
    """
    path = os.path.join(os.path.abspath(folder), CLUSTER_FILE)
    data = read_private(path)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=ClusterAddress)
    except msgspec.DecodeError as error:
        raise OperatorError(f"{path} is damaged: remove it, and start the server again") from error


def write_address(folder: str, address: ClusterAddress) -> None:
    """Let a server belong to a cluster. Raises `OperatorError` where it belongs to another."""
    before = read_address(folder)
    if before is not None and before.database != address.database:
        raise OperatorError(
            f"the state folder {folder} belongs to the cluster {before.database}: give each cluster its own with "
            "--state DIR"
        )
    if before != address:
        write_private(os.path.join(private_folder(folder), CLUSTER_FILE), msgspec.json.encode(address) + b"\n")
