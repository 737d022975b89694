"""`homeftp cluster` on a database and a bucket of a test's own."""

from __future__ import annotations

import contextlib
import json
from unittest import mock

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cluster import objects
from homeftp.cluster.database import Database
from homeftp.endpoint import ROOT, parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.server.clusterschema import SCHEMA
from homeftp.store.cluster import factory
from homeftp.store.factory import open_store
from tests.support.clusters import memory_bucket
from tests.support.commandline import CommandCase
from tests.support.kepttables import tables_of_test


class ClusterCommandCase(CommandCase):
    """A new cluster, whose bucket is in memory."""

    def setUp(self) -> None:
        """Take a database with tables, and a bucket."""
        super().setUp()
        self.url, self.bucket = tables_of_test(self, *SCHEMA), memory_bucket()
        for module in (objects, factory):
            patched = mock.patch.object(module, "open_bucket", lambda url, environment: self.bucket)
            patched.start()
            self.addCleanup(patched.stop)
        self.assertEqual(self.homeftp("cluster", "init", self.url, "--objects", "s3://files"), Exit.DONE)

    def clear(self) -> None:
        """Forget what was printed."""
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()

    def printed_json(self) -> list[dict[str, object]]:
        """The lines of JSON that were printed."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def database(self) -> Database:
        """The database; it is closed after the test."""
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        return database

    def opened(self) -> contextlib.closing[IStore]:
        """The store of the cluster, until the block ends."""
        return contextlib.closing(open_store(self.url, StoreOptions(objects="s3://files")))

    def write(self, store: IStore, path: str, content: bytes) -> None:
        """Store a file."""
        asked = WriteRequest(endpoint=parse(path), size=len(content), mtime_us=1_000_000, mode=0o640)
        (result,) = store.write_many([(asked, content)])
        self.assertFalse(isinstance(result, Exception), result)

    def lose(self, content: bytes) -> None:
        """Remove the objects with a content from the bucket."""
        for page in self.bucket.list():
            self.bucket.delete([name for name, size in page if self.bucket.get(name, 0, size) == content])

    def holds(self, store: IStore) -> list[tuple[object, ...]]:
        """All that a store holds, with its metadata and contents."""
        history = store.history()
        assert history is not None
        found: list[tuple[object, ...]] = []
        for page in history.timelines(ROOT):
            for each in page:
                endpoint = parse(each.name)
                for kept in each.versions:
                    with contextlib.closing(history.open_version(endpoint, kept.at_us)) as file:
                        found.append((each.name, kept.at_us, kept.mtime_us, kept.mode, file.read(0, 9)))
                if each.name and each.current is not None:
                    entry = each.current
                    content = b""
                    if entry.kind == "file":
                        with contextlib.closing(store.open(endpoint)) as file:
                            content = file.read(0, 9)
                    found.append((each.name, entry.kind, entry.mtime_us, entry.mode, content))
        return found
