"""Reading one open file again: what is damage, and what is not."""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import Callable, Generator
from unittest import mock

from homeftp.config import SLICE
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import CONTENT, UNREADABLE, KnownHash
from homeftp.metadata.kept import ChangeTime
from homeftp.model import Verification
from homeftp.store.local.integrity.reread import CHANGED, Reading, reread
from homeftp.syscalls import System
from tests.support.folders import QuickCase

CONTENT_BYTES = b"the content"


class _Between(System):
    """Does something before each reading, when the system's memory of the file is dropped."""

    def __init__(self, act: Callable[[int], None]) -> None:
        super().__init__()
        self._act = act
        self.dropped = 0

    def drop_cache(self, fd: int) -> None:
        self.dropped += 1
        self._act(self.dropped)
        super().drop_cache(fd)


class RereadTests(QuickCase):
    """`reread`."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.write(CONTENT_BYTES)
        self.fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)

    def write(self, content: bytes) -> None:
        """Have a content that looks old."""
        with open(self.path, "wb") as file:
            file.write(content)
        os.utime(self.path, (1_700_000_000, 1_700_000_000))

    def write_once(self, content: bytes, time: int) -> None:
        """Write it before the first reading."""
        if time == 1:
            self.write(content)

    def read(self, known: str | None, system: System | None = None) -> tuple[Reading, list[int]]:
        """What reading shows where that hash is known, and the bytes of each step."""
        remembered = None if known is None else KnownHash(known, "", 0)
        steps = reread(system or System(), self.fd, os.fstat(self.fd), remembered)
        sizes: list[int] = []
        return _run(steps, sizes), sizes

    def test_sound(self) -> None:
        """A content that has the known hash, or of which none is known, is fine."""
        for known in (hash_bytes(CONTENT_BYTES), None, ""):
            self.assertEqual(self.read(known), (Reading("", hash_bytes(CONTENT_BYTES)), [11]))

    def test_another_content(self) -> None:
        """A content that has another hash than the known one is damaged; it is read twice."""
        system = _Between(lambda time: None)
        reading, sizes = self.read(hash_bytes(b"what it was"), system)
        self.assertEqual(reading, Reading(CONTENT, hash_bytes(CONTENT_BYTES)))
        self.assertEqual((sizes, system.dropped), ([11, 11], 4), "from the disk each time")

    def test_marked(self) -> None:
        """What is marked is damaged as long as it has that content, whatever its ctime is; otherwise it is changed."""
        now = hash_bytes(CONTENT_BYTES)
        for content, damage in ((now, CONTENT), (hash_bytes(b"the damaged one"), "")):
            known = KnownHash(hash_bytes(b"what it was"), CONTENT, 5, content, is_same=False)
            steps = reread(System(), self.fd, os.fstat(self.fd), known)
            self.assertEqual(_run(steps, []), Reading(damage, now))

    def test_fault_on_the_way(self) -> None:
        """A content that is right when it is read again is not damaged."""
        data = [b"another one", CONTENT_BYTES]
        with mock.patch("os.pread", lambda fd, length, offset: b"" if offset else data.pop(0)):
            reading, _ = self.read(hash_bytes(CONTENT_BYTES))
        self.assertEqual((reading, data), (Reading("", hash_bytes(CONTENT_BYTES)), []))

    def test_changed_meanwhile(self) -> None:
        """A file that somebody changes while it is read is not judged."""
        for content in (b"what it is", b"another one", b""):
            self.write(CONTENT_BYTES)
            system = _Between(partial(self.write_once, content))
            self.assertEqual(self.read(hash_bytes(b"what it was"), system)[0], CHANGED)

    def test_late_ctime(self) -> None:
        """A ctime that moves while the file is read does not count where that is usual; elsewhere it does."""
        for change_time, expected in (
            (ChangeTime.CTIME, CHANGED),
            (ChangeTime.LATE_CTIME, Reading("", hash_bytes(CONTENT_BYTES))),
            (ChangeTime.MTIME, Reading("", hash_bytes(CONTENT_BYTES))),
        ):
            system = _Between(lambda time: os.chmod(self.path, 0o600))
            steps = reread(system, self.fd, os.fstat(self.fd), None, change_time)
            self.assertEqual(_run(steps, []), expected)

    def test_unreadable(self) -> None:
        """What the disk cannot read is damaged; an error that says something else is raised."""
        for number in (errno.EIO, errno.EUCLEAN, errno.EBADMSG):
            with mock.patch("os.pread", side_effect=OSError(number, os.strerror(number))):
                self.assertEqual(self.read(hash_bytes(CONTENT_BYTES)), (Reading(UNREADABLE), []))
        with mock.patch("os.pread", side_effect=OSError(errno.ENOMEM, "no memory")), self.assertRaises(OSError):
            self.read(None)

    def test_slices(self) -> None:
        """A large file is read slice by slice."""
        os.truncate(self.path, 2 * SLICE + 5)
        self.assertEqual(self.read(None)[1], [SLICE, SLICE, 5])


def _run(steps: Generator[Verification, None, Reading], sizes: list[int]) -> Reading:
    """What the steps return; `sizes` gets the bytes of each."""
    try:
        while True:
            sizes.append(next(steps).size)
    except StopIteration as end:
        reading: Reading = end.value
        return reading
