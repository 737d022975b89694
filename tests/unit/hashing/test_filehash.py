"""Hashing in slices, and telling one stat from another."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from unittest import mock

from homeftp.config import PIECE
from homeftp.errors import Changed
from homeftp.hashing.filehash import (
    READ_AHEAD,
    READ_AHEAD_STEP,
    TICK_NS,
    Hasher,
    at_rest,
    binary,
    digest,
    digest_slices,
    from_binary,
    hash_bytes,
    hash_slices,
    is_trustworthy,
    read_at,
    same_content,
    signature,
)
from tests.support.folders import QuickCase
from tests.support.waiting import wait_until


class FileCase(QuickCase):
    """One file, open."""

    def setUp(self) -> None:
        self.content = os.urandom(10_000)
        self.path = os.path.abspath(self.mktemp())
        with open(self.path, "wb") as file:
            file.write(self.content)
        self.fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)
        self.hash = "sha256:" + hashlib.sha256(self.content).hexdigest()


class DigestTests(FileCase):
    """A file's hash."""

    def test_same_hash_every_way(self) -> None:
        """In one go, in slices of any size, or piece by piece as bytes come by: it is the same hash."""
        hasher = Hasher()
        for start in range(0, len(self.content), 999):
            hasher.update(self.content[start : start + 999])
        self.assertEqual(hasher.hash(), self.hash)
        self.assertEqual(hash_bytes(self.content), self.hash)
        self.assertEqual(digest(self.fd, 10_000), self.hash)
        for size in (1000, 3333, 9999, 10_000, 10_001):
            self.assertEqual(list(digest_slices(self.fd, 10_000, slice_size=size))[-1], self.hash)

    def test_binary(self) -> None:
        """The digest alone, as databases keep it, is that of hashlib; the hash comes back from it."""
        self.assertEqual(binary(self.hash), hashlib.sha256(self.content).digest())
        self.assertEqual(from_binary(binary(self.hash)), self.hash)

    def test_pauses(self) -> None:
        """There is a pause after each slice but the last, so that other work comes between."""
        for size, pauses in ((1000, 9), (5000, 1), (9999, 1), (10_000, 0), (20_000, 0)):
            found = list(digest_slices(self.fd, 10_000, slice_size=size))
            self.assertEqual(found, [None] * pauses + [self.hash])

    def test_read_ahead(self) -> None:
        """All of a range is asked for before it is read, once, and little more than what is read next."""
        end = 5 * READ_AHEAD
        os.truncate(self.path, end)
        with mock.patch("os.posix_fadvise") as advise:
            slices = hash_slices(Hasher(), self.fd, 1, end, slice_size=PIECE)
            for number, _ in enumerate(slices, 1):
                hashed = 1 + number * PIECE
                (_, *ranges) = [call.args[1:] for call in advise.call_args_list]
                self.assertNotIn((0, 0, os.POSIX_FADV_NORMAL), ranges)
                asked = ranges[-1][0] + ranges[-1][1]
                self.assertLessEqual(max(length for _, length, _ in ranges), READ_AHEAD_STEP)
                self.assertTrue(hashed <= asked <= hashed + 2 * READ_AHEAD)
            (first, *_, last) = [call.args for call in advise.call_args_list]
            self.assertEqual(first, (self.fd, 0, 0, os.POSIX_FADV_RANDOM))
            self.assertEqual(last, (self.fd, 0, 0, os.POSIX_FADV_NORMAL), "the system reads ahead by itself again")
            advise.reset_mock()
            next(hash_slices(Hasher(), self.fd, 1, end, slice_size=PIECE))
            self.assertEqual(advise.call_args.args, last, "a hash that is given up")
        self.assertEqual([offset for offset, _, _ in ranges], [1, *(sum(each[:2]) for each in ranges[:-1])])
        self.assertEqual((asked, {advice for *_, advice in ranges}), (end, {os.POSIX_FADV_WILLNEED}))

    def test_no_read_ahead(self) -> None:
        """Where the system cannot be asked, it reads ahead by itself, and the hash is the same."""
        os.truncate(self.path, 2 * PIECE)
        failing = mock.Mock(side_effect=OSError(errno.EINVAL, "not on this file system"))
        with mock.patch("os.posix_fadvise", failing):
            self.assertEqual(digest(self.fd, 2 * PIECE), hash_bytes(self.content.ljust(2 * PIECE, b"\0")))
        self.assertEqual(failing.call_count, 1)

    def test_empty(self) -> None:
        """Nothing has a hash too."""
        self.assertEqual(digest(self.fd, 0), hash_bytes(b""))

    def test_only_so_far(self) -> None:
        """Content appended meanwhile is left out: hashing of a growing file ends."""
        with open(self.path, "ab") as file:
            file.write(b"more")
        self.assertEqual(digest(self.fd, 10_000), self.hash)

    def test_shorter(self) -> None:
        """A file that got shorter has no hash."""
        os.truncate(self.path, 9_000)
        with self.assertRaises(Changed):
            digest(self.fd, 10_000)

    def test_read_at(self) -> None:
        """Reading gives all that was asked for, up to the end."""
        self.assertEqual(read_at(self.fd, 9_000, 500), self.content[9_000:9_500])
        self.assertEqual(read_at(self.fd, 9_000, 5_000), self.content[9_000:])
        self.assertEqual(read_at(self.fd, 10_000, 1), b"")


class StatTests(FileCase):
    """What a stat says about the content."""

    def test_signature(self) -> None:
        """A change of content, however it is hidden, changes the signature; reading does not."""
        before = os.stat(self.path)
        os.read(self.fd, 100)
        self.assertEqual(signature(os.stat(self.path)), signature(before))

        def changed() -> os.stat_result:
            with open(self.path, "r+b") as file:
                file.write(b"X")
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
            return os.stat(self.path)

        wait_until(lambda: changed().st_ctime_ns != before.st_ctime_ns)  # the clock of a file system is coarse
        after = os.stat(self.path)
        self.assertEqual(
            (after.st_size, after.st_mtime_ns, after.st_ino), (before.st_size, before.st_mtime_ns, before.st_ino)
        )
        self.assertNotEqual(signature(after), signature(before))

    def test_same_content(self) -> None:
        """A new name or other permissions are no new content; another size or mtime is."""
        before = os.fstat(self.fd)
        os.rename(self.path, self.path + ".moved")
        os.chmod(self.path + ".moved", 0o600)
        self.assertTrue(same_content(before, os.fstat(self.fd)))
        os.utime(self.path + ".moved", ns=(0, before.st_mtime_ns + 1000))
        self.assertFalse(same_content(before, os.fstat(self.fd)))

    def test_trustworthy_by_ctime(self) -> None:
        """A file that got an older mtime is trusted at once, unless its file system may only keep whole seconds."""
        for age, fraction, counts in ((1.0, 500, True), (1.0, 0, False), (0.01, 500, False), (-1.0, 500, False)):
            mtime_ns = 1_700_000_000 * 10**9 + fraction
            times = {"st_mtime_ns": mtime_ns, "st_ctime_ns": mtime_ns + int(age * 10**9)}
            found = os.stat_result([0o100644, 1, 1, 1, 0, 0, 7, 0, 0, 0], times)
            self.assertEqual(is_trustworthy(found, found.st_ctime_ns), counts, (age, fraction))

    def test_trustworthy(self) -> None:
        """A hash counts only from 2 s after the file's mtime on, or before it by as much: clocks differ."""
        found = os.stat(self.path)
        second = 1_000_000_000
        for seconds, counts in ((0, False), (1.999, False), (2, True), (3600, True), (-1, False), (-2, True)):
            self.assertEqual(is_trustworthy(found, found.st_mtime_ns + int(seconds * second)), counts, seconds)


class RestTests(FileCase):
    """Changes that follow each other closely."""

    def touch(self, ns: int) -> os.stat_result:
        """The file was written then."""
        os.utime(self.fd, ns=(ns, ns))
        return os.fstat(self.fd)

    def test_waits(self) -> None:
        """A file that was just written is looked at again after a tick of the clock: from then on a change shows."""
        found = at_rest(self.fd, self.touch(time.time_ns()))
        self.assertGreaterEqual(time.time_ns() - found.st_mtime_ns, TICK_NS)

    def test_does_not_wait(self) -> None:
        """A file that is older, or has a time in the future, is hashed at once."""
        with mock.patch("time.sleep") as sleep:
            for ns in (time.time_ns() - TICK_NS, time.time_ns() + 10**9):
                found = self.touch(ns)
                self.assertEqual(at_rest(self.fd, found), found)
            sleep.assert_not_called()

    def test_never_at_rest(self) -> None:
        """A file that is written all the time is refused."""
        writing = mock.patch("time.sleep", side_effect=lambda seconds: self.touch(time.time_ns()))
        with writing, self.assertRaisesRegex(Changed, "being written"):
            at_rest(self.fd, self.touch(time.time_ns()))
