"""The context of one cluster store: its engines, its share, and its owner's decisions."""

from __future__ import annotations

from typing import Callable

import attrs
import msgspec

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.objects import Bucket
from homeftp.config import DAY, MIB
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Change
from homeftp.store.cluster.base.memory import UploadMemory
from homeftp.store.cluster.base.rows import ShareId
from homeftp.store.cluster.base.schema import PATH_BYTES
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import WriteLimits

PART_BYTES = 8 * MIB
"""Bytes of one object of a large file. Larger ones need fewer requests, and more memory: a part is held whole."""

Journal = Callable[[Transaction, "list[Change]"], None]
"""Records changes in the transaction that makes them, after it has locked all that it changes."""


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's decisions about a cluster store, besides `StoreOptions`."""

    share: str = "main"
    """The name of the store in the database, which may have several."""
    grace_seconds: float = 8 * DAY
    """How long an object stays that nothing names any more. It must exceed the age of the oldest backup of the database
    that might be restored: that one still names it."""
    part_bytes: int = PART_BYTES
    """Bytes of one object, at most."""
    connections: int = 8
    """To the database, at most."""


@attrs.frozen
class ClusterContext:
    """One open share of a cluster."""

    database: Database
    bucket: Bucket
    share: ShareId
    options: StoreOptions
    cluster: ClusterOptions
    log: ChangeLog
    journal: Journal | None = None
    """Where the audit log is in the database; what `log` gets is then recorded already."""

    limits: WriteLimits = attrs.field(init=False)
    """The limits of files."""

    memory: UploadMemory = attrs.field(init=False, eq=False)
    """The memory of uploads."""

    @memory.default
    def _memory_of_parts(self) -> UploadMemory:
        return UploadMemory(self.cluster.part_bytes)

    @limits.default
    def _limits_of_options(self) -> WriteLimits:
        return WriteLimits(Filetypes(self.options.filetypes), self.options.file_size, PATH_BYTES)

    @property
    def keeps_versions(self) -> bool:
        """Whether what is replaced or removed becomes a version."""
        return self.options.retention.seconds > 0
