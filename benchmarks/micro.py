"""What the parts cost that every small file passes: lines, batches, the index of hashes, the digests of folders.

    pip install -e '.[bench]'
    python benchmarks/micro.py
    python benchmarks/micro.py --fast -o before.json

It takes the options of pyperf, which runs each in several processes and warns
if the machine is not quiet; `python -m pyperf compare_to before.json
after.json` says what a change has done. Each figure is for 1,000 files.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pyperf

from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.hashing.treedigest import TreeDigester
from homeftp.model import Entry
from homeftp.wire.batch import PushEntry, decode_batch, encode_item
from homeftp.wire.codec import decode_request, request_line

FILES = 1000
CONTENT = os.urandom(4096)
HASH = hash_bytes(CONTENT)
NAMES = [f"photos/{number // 100:03}/IMG_{number:06}.jpg" for number in range(FILES)]
MTIME_US = 1_714_560_000_123_456
LATER_NS = 10_000_000_000
"""A file that was written so long before it was hashed is remembered."""

ENTRY = {"hash": HASH, "meta_data": [["mtime", MTIME_US], ["mode", 0o644]], "if_hash": "absent"}
PAYLOAD = b"".join(encode_item({"name": name, **ENTRY}, CONTENT) for name in NAMES)
LINES = [request_line("GET", {"rel_endpoint": name}, id=number) for number, name in enumerate(NAMES)]
FOLDERS = sorted({name.rpartition("/")[0] for name in NAMES})
ENTRIES = [
    *(Entry(folder, "directory", 0, MTIME_US, 0o755) for folder in ("photos", *FOLDERS)),
    *(Entry(name, "file", len(CONTENT), MTIME_US, 0o644, HASH) for name in NAMES),
]
ENTRIES.sort(key=lambda entry: entry.name)


def encode_lines() -> None:
    """A request for each file."""
    for number, name in enumerate(NAMES):
        request_line("GET", {"rel_endpoint": name}, id=number)


def decode_lines() -> None:
    """The same at the other end."""
    for line in LINES:
        decode_request(line)


def encode_entries() -> None:
    """A batch of files of 4 KiB."""
    for name in NAMES:
        encode_item({"name": name, **ENTRY}, CONTENT)


def decode_entries() -> None:
    """The same at the other end."""
    decode_batch(PAYLOAD, PushEntry)


def digest_tree() -> None:
    """The two digests of a tree of known files."""
    digester = TreeDigester()
    for entry in ENTRIES:
        digester.add(entry)
    digester.digest()


class Index:
    """An index of hashes in a folder, with rows for files of one stat."""

    def __init__(self, folder: str) -> None:
        path = Path(folder, "file")
        path.write_bytes(CONTENT)
        found = path.stat()
        self._cache = HashCache(str(Path(folder, "index.sqlite")))
        self._files = dict.fromkeys(NAMES, found)
        self._rows = [CachedHash("/d", name, found, HASH, found.st_mtime_ns + LATER_NS) for name in NAMES]
        self._rounds = 0

    def record(self) -> None:
        """One transaction for files that are new."""
        self._rounds += 1
        self._cache.record(row._replace(directory=f"/{self._rounds}") for row in self._rows)

    def fill(self) -> None:
        """Let it know the files that are looked up."""
        self._cache.record(self._rows)

    def look_up(self) -> None:
        """All files of a folder, as before a listing; that they are known is checked."""
        if len(self._cache.known("/d", self._files, whole=True)) != FILES:
            raise ValueError("the index has forgotten files")


def main() -> None:
    """Measure what pyperf's options ask for."""
    runner = pyperf.Runner(program_args=(__file__,))
    runner.metadata["description"] = f"{FILES} files in each"
    runner.bench_func("codec: encode requests", encode_lines)
    runner.bench_func("codec: decode requests", decode_lines)
    runner.bench_func("batch: encode entries", encode_entries)
    runner.bench_func("batch: decode entries", decode_entries)
    runner.bench_func("digest: a tree", digest_tree)
    with tempfile.TemporaryDirectory(prefix="homeftp-benchmark-") as folder:
        index = Index(folder)
        runner.bench_func("index: record new files", index.record)
        index.fill()
        runner.bench_func("index: look up files", index.look_up)


if __name__ == "__main__":
    main()
