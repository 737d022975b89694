"""What the disk's part of batches costs each end: processor time for each of many small files, in one thread.

    python benchmarks/smallfiles.py
    python benchmarks/smallfiles.py --files 100000 --file-size 4096

The server's part is that of its store: it writes the files of a batch, with
rights, index and audit log, and reads them again. The client's is to read and
hash the files that it sends, and to write those that it fetches. Neither has
the wire, TLS or another thread in it. It works on a new ext4 file system in an
image where it may mount one. Lines and batches alone are in micro.py, whole
commands in transfer.py.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

from homeftp.audit.log import Audit
from homeftp.client.files.model import FileStat
from homeftp.client.files.read import Content, ReadRequest, read_many
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload
from homeftp.config import SMALL_FILE
from homeftp.endpoint import ROOT, parse
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import StoreOptions
from homeftp.model import ABSENT, Actor, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights
from homeftp.syscalls import System
from loads import Load, disk, make_tree, space

TOGETHER = 512
"""Files of one batch."""

ACTOR = Actor("bench", "laptop", "127.0.0.1", "PUSH")
US = 1_000_000


@contextlib.contextmanager
def measured(what: str, files: int) -> Iterator[None]:
    """Print the processor time of a block, for each file."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    yield
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    times = [each / files * US for each in (user + system, user, system, wall)]
    print(f"{what:28}{times[0]:8.1f} us ({times[1]:.1f} user, {times[2]:.1f} system); wall {times[3]:.1f}", flush=True)


def parts(files: int) -> list[slice]:
    """The files of each batch."""
    return [slice(start, start + TOGETHER) for start in range(0, files, TOGETHER)]


def measure(folder: Path, files: int, size: int) -> None:
    """Send and fetch a tree, but for the wire."""
    make_tree(folder / "source", files, size)
    found = sorted(path for path in (folder / "source").rglob("*.bin"))
    names = [f"{path.relative_to(folder / 'source')}" for path in found]
    index = HashCache(str(folder / "client" / "index"))
    stats = [FileStat(name, str(path), path.lstat()) for name, path in zip(names, found, strict=True)]
    contents: list[Content] = []
    with measured("client: read and hash", files):
        for some in parts(files):
            read = read_many([ReadRequest(each, True) for each in stats[some]], index)
            contents.extend(each for each in read if isinstance(each, Content))
    serve(folder, contents)
    target = DownloadTarget(str(folder / "fetched"), System(), index)
    downloads = [
        SmallDownload(TargetFile(each.file.name, each.file.mtime_us, 0o644, None), each.data or b"", each.hash or "")
        for each in contents
    ]
    written = 0
    with measured("client: write", files):
        for some in parts(files):
            written += sum(isinstance(each, os.stat_result) for each in target.write_many(downloads[some]))
    index.close()
    if (len(contents), written) != (files, files):
        sys.exit("the client has not read, or not written, all files")


def serve(folder: Path, contents: list[Content]) -> None:
    """The server's part, with these contents."""
    (folder / "share").mkdir()
    audit = Audit(str(folder / "state"))
    cache = HashCache(str(folder / "state" / "index"))
    local = LocalStore(str(folder / "share"), cache, StoreOptions(record_changes=audit.changed))
    store = AuthorizedStore(local, ROOT, Rights(), ACTOR)
    requests = [
        (
            WriteRequest(
                endpoint=parse(each.file.name),
                size=each.file.size,
                hash=each.hash,
                mtime_us=each.file.mtime_us,
                mode=0o644,
                precondition=ABSENT,
            ),
            each.data,
        )
        for each in contents
    ]
    failed = 0
    with measured("server: write", len(contents)):
        for some in parts(len(contents)):
            failed += sum(isinstance(each, Exception) for each in store.write_many(requests[some]))
    endpoints = [request.endpoint for request, _ in requests]
    with measured("server: read", len(contents)):
        for some in parts(len(contents)):
            failed += sum(isinstance(each, Exception) for each in store.open_many(endpoints[some], SMALL_FILE))
    local.close()
    cache.close()
    audit.close()
    if failed:
        sys.exit(f"the store has refused {failed} files")


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="how many (default 20,000)")
    parser.add_argument("--file-size", type=int, default=1024, help="bytes of each, at most 65,536 (default 1,024)")
    parser.add_argument("--no-ext4", action="store_true", help="on the file system of the folder")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    options = parser.parse_args()
    if not 0 < options.file_size <= SMALL_FILE:
        parser.error(f"--file-size takes 1 to {SMALL_FILE:,} bytes")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load = Load(options.files, options.file_size, (), ())
    print(load.title())
    with tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder) as name:
        (Path(name) / "disk").mkdir()
        with disk(Path(name) / "disk", space(load, 2), new=not options.no_ext4) as folder:
            measure(folder, options.files, options.file_size)


if __name__ == "__main__":
    main()
