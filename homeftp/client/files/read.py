"""Reading local files: opening a file, and reading and hashing many small ones in one job. Large ones: source.py."""

from __future__ import annotations

import contextlib
import os
import stat as stat_module
import time
from typing import NamedTuple, Sequence

from homeftp.client.files.hashes import known_hashes, record_hashes
from homeftp.client.files.model import FileStat
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
"""O_NONBLOCK: opening a FIFO that took a file's place would wait for a writer."""


_UNSIZED = (
    "its content is longer or shorter than its size, as that of files in /proc and /sys. Send it through a pipe: "
    "cat FILE | homeftp push - NAME:PATH"
)


class ReadRequest(NamedTuple):
    """A small file that is to be hashed."""

    file: FileStat
    keep_content: bool
    """Whether its content is wanted too."""
    unless_hash: str | None = None
    """The content is not wanted where the cache knows that the file has this hash."""


class Content(NamedTuple):
    """A file's hash and content."""

    file: FileStat
    """The file with its stat when it was read."""
    hash: str | None
    """None where the hash is computed later, while the content is sent."""
    data: bytes | None
    """None where only the hash was wanted."""
    grown: bool = False
    """The file is longer by now: this is what it held when reading began."""


def open_regular(path: str) -> tuple[int, os.stat_result, bool]:
    """The descriptor and stat of a regular file, and whether every later change will show in its stat.

    That is not so for a file that is written all the time, such as a log.
    Never opens a link. Raises OSError and `Changed` (44).
    """
    fd = os.open(path, _FLAGS)
    try:
        stat = os.fstat(fd)
        if not stat_module.S_ISREG(stat.st_mode):
            raise Changed("it is no longer a file")
        with contextlib.suppress(Changed):
            return fd, filehash.at_rest(fd, stat), True
        return fd, os.fstat(fd), False
    except BaseException:
        os.close(fd)
        raise


def changed_while_read() -> Changed:
    """The error for a file whose content changed between two reads."""
    return Changed("the file changed while it was read")


def read_many(requests: Sequence[ReadRequest], cache: HashCache | None) -> list[Content | Exception]:
    """Read and hash small files of up to `STREAM_PIECE` bytes; one result for each, in order."""
    known = known_hashes(cache, [request.file for request in requests])
    results: list[Content | Exception] = []
    hashed: list[tuple[FileStat, str]] = []
    started_ns = time.time_ns()
    for request in requests:
        cached = known.get(request.file.path)
        if cached is not None and (not request.keep_content or cached == request.unless_hash):
            results.append(Content(request.file, cached, None))
            continue
        try:
            content = _read(request)
        except (OSError, Changed) as error:
            results.append(error)
            continue
        results.append(content)
        if cached is None and content.hash is not None and not content.grown:
            hashed.append((content.file, content.hash))
    record_hashes(cache, hashed, started_ns)
    return results


def _read(request: ReadRequest) -> Content:
    name, path, _ = request.file
    fd, stat, shows_changes = open_regular(path)
    try:
        if stat.st_size > STREAM_PIECE:
            raise Changed("the file changed size while being read: try again")
        data = os.read(fd, stat.st_size + 1)
        after = os.fstat(fd)
        if len(data) != stat.st_size and after.st_size == stat.st_size:
            raise Changed(_UNSIZED)
        if not (shows_changes and filehash.same_content(stat, after)):
            # It may be a log: what it held when reading began is a content that it had, if it still begins with that.
            data = data[: stat.st_size]
            if filehash.read_at(fd, 0, stat.st_size) != data:
                raise changed_while_read()
    finally:
        os.close(fd)
    kept = data if request.keep_content else None
    return Content(FileStat(name, path, stat), filehash.hash_bytes(data), kept, after.st_size > stat.st_size)
