"""Another program puts a file of its own in the place of one that has just got its name, and sets it back in time."""

from __future__ import annotations

import os
from typing import Any

from homeftp.endpoint import parse
from homeftp.model import Entry, WriteRequest
from homeftp.syscalls import System
from tests.support.stores import LONG_AGO, StoreCase, put_of, sha

OURS, THEIRS = b"ours", b"not!"


class Meddling(System):
    """What is renamed to `file` has another content right after, of the same size and as old."""

    armed = False
    times = 0

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """See above."""
        super().rename(source, target, **directories)
        self._meddle(target, directories)

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        """See above."""
        super().rename_new(source, target, **directories)
        self._meddle(target, directories)

    def _meddle(self, target: bytes, directories: dict[str, Any]) -> None:
        if target != b"file" or not self.armed:
            return
        self.times += 1
        there = directories["target_dir"]
        fd = os.open("theirs", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=there)
        os.write(fd, THEIRS)
        os.utime(fd, ns=(LONG_AGO * 1000, LONG_AGO * 1000))
        os.close(fd)
        os.rename("theirs", "file", src_dir_fd=there, dst_dir_fd=there)


class MeddlingTests(StoreCase):
    """Whatever is answered is of what was put; of what stands there now nothing is believed."""

    def setUp(self) -> None:
        super().setUp()
        self.system = Meddling()
        self.served = self.store(system=self.system)

    def check(self, answer: object) -> None:
        """Of the answer, and of what the server then says of the other program's file."""
        self.assertIsInstance(answer, Entry)
        assert isinstance(answer, Entry)
        self.assertEqual((answer.hash, answer.size), (sha(OURS), len(OURS)))
        self.assertEqual(answer.mtime_us, LONG_AGO + 1)
        self.assertGreater(self.system.times, 0, "the control: somebody has meddled")
        self.assertEqual(self.content("file"), THEIRS)
        there = self.served.stat(parse("file"))
        assert there is not None
        self.assertIn(there.hash, (None, sha(THEIRS)))

    def ours(self, name: str) -> tuple[WriteRequest, bytes]:
        """A file of ours."""
        return put_of(name, OURS, mtime_us=LONG_AGO + 1)

    def test_put(self) -> None:
        """A large file."""
        upload = self.served.upload(self.ours("file")[0])
        upload.write(OURS)
        self.system.armed = True
        self.check(upload.commit())

    def test_put_many(self) -> None:
        """Small files."""
        self.system.armed = True
        self.check(self.served.write_many([self.ours("file")])[0])

    def test_move(self) -> None:
        """A file that had another name."""
        self.served.write_many([self.ours("other")])
        self.system.armed = True
        self.check(self.served.move(parse("other"), parse("file"), sha(OURS), None))

    def test_restore(self) -> None:
        """A version whose hash is known."""
        self.served.write_many([self.ours("file")])
        self.served.write_many([put_of("file", b"next", precondition=sha(OURS))])
        self.system.armed = True
        self.check(self.served.restore(parse("file"), None, None))
