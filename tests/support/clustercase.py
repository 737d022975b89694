"""What the tests of the cluster store's parts have in common: a store, its context, and what is done with them."""

from __future__ import annotations

from typing import Any, Sequence

from homeftp.cluster.migrations import SchemaPart
from homeftp.endpoint import parse
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SECOND_US, Entry, Version, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.upkeep.ownership import OWNER
from tests.support import clusterchecks
from tests.support.clusters import Cluster
from tests.support.folders import QuickCase
from tests.support.kepttables import tables_of_test


def request(path: str, **fields: Any) -> WriteRequest:
    """A write request for a path."""
    return WriteRequest(endpoint=parse(path), **fields)


class Counting:
    """Counts the statements of a database, and the rows that they give."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.count = 0
        self.read = 0

    def rows(self, query: Any, parameters: Any = ()) -> list[Any]:
        """One statement."""
        self.count += 1
        found: list[Any] = self.whole.rows(query, parameters)
        self.read += len(found)
        return found

    def row(self, query: Any, parameters: Any = ()) -> Any:
        """None is asked for."""
        raise NotImplementedError


class ClusterCase(QuickCase):
    """One store with tables of its own, and a bucket in memory."""

    schema_parts: Sequence[SchemaPart] = (STORE,)
    """The parts of the schema that have tables."""
    options = StoreOptions()
    cluster_options: dict[str, Any] = {}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """Open a store."""
        self.cluster = Cluster(url=tables_of_test(self, *self.schema_parts), kept=True, **self.cluster_options)
        self.context = self.server()
        self.store = ClusterStore(self.context)

    def server(self, options: StoreOptions | None = None) -> ClusterContext:
        """What one more server has open; it is closed after the test."""
        context = self.cluster.context(options or self.options)
        self.addCleanup(context.database.close)
        return context

    def write(self, *paths: str, content: bytes = b"content", **fields: Any) -> list[Entry]:
        """Write files together."""
        asked = [(request(path, size=len(content), **fields), content) for path in paths]
        return [self.done(each) for each in self.store.write_many(asked)]

    def done(self, result: Entry | Exception) -> Entry:
        """The entry, unless it was refused."""
        if isinstance(result, Exception):
            raise result
        return result

    def content(self, path: str) -> bytes:
        """All of a file."""
        file = self.store.open(parse(path))
        return file.read(0, file.entry.size)

    def names(self, path: str = "") -> list[str]:
        """All that is beneath a path."""
        return [entry.name for page in self.store.list(parse(path), True) for entry in page.entries]

    def kept(self, path: str = "") -> list[Version]:
        """The versions at and beneath a path."""
        return [version for page in self.store.versions(parse(path)) for version in page]

    def objects(self) -> set[str]:
        """The names of all objects in the bucket, but for the one that tells of its owner."""
        return {name for page in self.cluster.bucket.list() for name, _ in page} - {OWNER}

    def later(self, seconds: float) -> None:
        """So many seconds pass for the collector."""
        self.cluster.execute("UPDATE garbage SET since_us = since_us - %s", int(seconds * SECOND_US))

    def assert_sound(self) -> None:
        """The tables are as they must be, and no object that is needed is missing."""
        self.assertEqual(clusterchecks.faults(self.context.database), [])
        share = self.cluster.cluster.share
        self.assertEqual(clusterchecks.missing_objects(self.context.database, self.cluster.bucket, share), [])
