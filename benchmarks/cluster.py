"""How fast the cluster store is, beside the folder store and beside the bucket alone: `python benchmarks/cluster.py`.

It starts a PostgreSQL, durable as it comes, and a SeaweedFS of its own in a temporary folder, as the tests do.
Times are seconds by the clock; `--files` and `--mib` make it shorter.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import Callable, Iterator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.objects import Bucket, open_bucket
from homeftp.config import BATCH_JOB, KIB, MIB
from homeftp.endpoint import ROOT, parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.context import ClusterContext, ClusterOptions
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import make_share
from homeftp.store.factory import open_store
from homeftp.store.policy.changelog import ChangeLog
from tests.support.engines import PostgreSQL, SeaweedFS

SMALL = 4 * KIB
PIECE = MIB


class CountingBucket(Bucket):
    """A bucket that counts what is put into it."""

    puts = 0

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Write a new object."""
        CountingBucket.puts += 1
        super().put(name, content)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block takes."""
    before, processor = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    seconds, after = time.monotonic() - before, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - processor.ru_utime - processor.ru_stime
    print(f"{what:58} {seconds:8.3f} s {used:8.3f} s of this process")


def push_small(store: IStore, folder: str, count: int, size: int = SMALL) -> None:
    """Write many small files, in the batches of the server."""
    content = os.urandom(size) if size else b""
    numbers = iter(range(count))
    while batch := list(itertools.islice(numbers, BATCH_JOB)):
        asked = [
            (WriteRequest(endpoint=parse(f"{folder}/{n:06}.txt"), size=size, precondition="absent"), content)
            for n in batch
        ]
        for result in store.write_many(asked):
            if isinstance(result, Exception):
                raise result


def push_large(store: IStore, path: str, pieces: int) -> None:
    """Upload one large file."""
    data = os.urandom(PIECE)
    upload = store.upload(WriteRequest(endpoint=parse(path), size=pieces * PIECE))
    for _ in range(pieces):
        upload.write(data)
    upload.commit()


def get_large(store: IStore, path: str) -> None:
    """Read one large file."""
    file = store.open(parse(path))
    for offset in range(0, file.entry.size, PIECE):
        file.read(offset, PIECE)
    file.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="small files")
    parser.add_argument("--listed", type=int, default=100_000, help="files in the large folder")
    parser.add_argument("--mib", type=int, default=1024, help="MiB of the large file")
    options = parser.parse_args()
    disk = tempfile.gettempdir()
    server, weed = PostgreSQL(durable=True, folder=disk), SeaweedFS(disk)
    database = Database(server.create("homeftp"), connections=4)
    migrate(database, [STORE])
    share = make_share(database, "main")
    bucket = open_bucket(weed.bucket("bench"), weed.environment())
    bucket.__class__ = CountingBucket
    context = ClusterContext(database, bucket, share, StoreOptions(), ClusterOptions(), ChangeLog(lambda changes: None))
    cluster = ClusterStore(context)
    with tempfile.TemporaryDirectory() as root:
        folder = open_store(root, StoreOptions())
        measure_small(cluster, folder, options.files)
        folder.close()
    measure_large(cluster, bucket, options.mib)
    measure_names(cluster, options.listed)
    database.close()


def measure_small(cluster: IStore, folder: IStore, files: int) -> None:
    """Small files."""
    with timed(f"folder: {files} files of 4 KiB up"):
        push_small(folder, "small", files)
    before = CountingBucket.puts
    with timed(f"cluster: {files} files of 4 KiB up"):
        push_small(cluster, "small", files)
    print(f"{'  PUTs':58} {CountingBucket.puts - before:8}")
    with timed(f"cluster: {files} files of 4 KiB down"):
        for start in range(0, files, BATCH_JOB):
            numbers = range(start, min(start + BATCH_JOB, files))
            for file in cluster.open_many([parse(f"small/{n:06}.txt") for n in numbers], SMALL):
                assert not isinstance(file, Exception) and file.content is not None


def measure_large(cluster: IStore, bucket: Bucket, mib: int) -> None:
    """One large file, and as many bytes by obstore alone."""
    data = os.urandom(8 * MIB)
    names = [bucket.new_name() for _ in range(mib // 8)]
    with timed(f"obstore alone: {mib} MiB up, 8 MiB each"):
        for name in names:
            bucket.put(name, data)
    with timed(f"cluster: {mib} MiB up"):
        push_large(cluster, "large.bin", mib)
    with timed(f"obstore alone: {mib} MiB down"):
        for name in names:
            bucket.get(name, 0, 8 * MIB)
    with timed(f"cluster: {mib} MiB down"):
        get_large(cluster, "large.bin")
    bucket.delete(names)


def measure_names(cluster: IStore, listed: int) -> None:
    """A large folder."""
    with timed(f"cluster: {listed} empty files up"):
        push_small(cluster, "many", listed, 0)
    with timed(f"cluster: {listed} entries listed"):
        found = sum(len(page.entries) for page in cluster.list(parse("many"), False))
    assert found == listed
    with timed(f"cluster: {listed} entries listed, from the root down"):
        sum(len(page.entries) for page in cluster.list(ROOT, True))
    with timed(f"cluster: folder of {listed} renamed"):
        cluster.move(parse("many"), parse("renamed"), None, None)
    with timed(f"cluster: folder of {listed} renamed to a longer path"):
        cluster.move(parse("renamed"), parse("a/much/longer/path"), None, None)
    removing: Callable[[], int] = cluster.remove(parse("a"), None, True).__next__
    with timed(f"cluster: folder of {listed} removed, first step"):
        removing()
    with timed("cluster: versions of all that"):
        next(page for page in cluster.versions(ROOT) if page)


if __name__ == "__main__":
    main()
