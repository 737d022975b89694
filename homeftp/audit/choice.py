"""Where the audit log of a server is kept."""

from __future__ import annotations

from homeftp.audit.file import AuditFile
from homeftp.audit.interface import AuditReader, AuditSink
from homeftp.audit.reader import AuditFileReader
from homeftp.cluster.address import read_address


def sink_of(folder: str, *, size: int | None, kept: int) -> AuditSink:
    """The log of the server with this state folder; `size` bytes of each of `kept` files at most.

    Raises `OperatorError` where it is not known which that is.
    """
    address = read_address(folder)
    if address is None:
        return AuditFile(folder, size=size, kept=kept)
    from homeftp.audit.table import AuditTable
    from homeftp.cluster.shared import shared_database

    return AuditTable(shared_database(address.database), size=None if size is None else size * kept)


def reader_of(folder: str) -> AuditReader:
    """The reader of that log, for the commands of its owner. Raises `OperatorError` where that is not known."""
    address = read_address(folder)
    if address is None:
        return AuditFileReader(folder)
    from homeftp.audit.table import AuditTableReader
    from homeftp.cluster.shared import shared_database

    return AuditTableReader(shared_database(address.database))
