"""From errno to refusal."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint, Busy, Forbidden, Internal, NoSpace, NotFound, Refusal, WrongKind
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.policy.wording import format_size

TABLE: dict[type[Refusal], tuple[int, ...]] = {
    NotFound: (errno.ENOENT,),
    WrongKind: (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO),
    NoSpace: (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    Forbidden: (errno.EROFS, errno.EACCES, errno.EPERM, errno.EXDEV),
    BadEndpoint: (errno.ENAMETOOLONG, errno.EILSEQ),
    Busy: (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM),
    Internal: (errno.EIO, errno.ESTALE, 9999),
}


class RefusalTests(SynchronousTestCase):
    """The table."""

    def test_table(self) -> None:
        """Each errno has its status; the message names the endpoint, and the log has the cause."""
        for kind, numbers in TABLE.items():
            for number in numbers:
                error = OSError(number, "reason", "/home/owner/share/a/b")
                refused = refusal(error, parse("a/b"))
                self.assertIs(type(refused), kind, errno.errorcode.get(number))
                self.assertIn("a/b", refused.message)
                self.assertNotIn("/home", refused.message)
                self.assertIs(refused.__cause__, error)

    def test_root(self) -> None:
        """The root has a name in messages, though its endpoint is empty."""
        self.assertIn("the shared folder", refusal(OSError(errno.EACCES, ""), ROOT).message)

    def test_space(self) -> None:
        """A full disk: how much was needed, and what may be exhausted; not how much others have left."""
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        why = "the disk, a disk quota or the number of files is exhausted. Ask the server's owner to make space"
        lacks = "the server's disk has no space for a:"
        known = refusal(error, parse("a"), size=3_000_000_000).message
        self.assertEqual(known, f"{lacks} it needs 3.0 GB, and {why}")
        self.assertEqual(refusal(error, parse("a")).message, f"{lacks} {why}")

    def test_units(self) -> None:
        """Sizes are for people."""
        sizes = {
            0: "0 bytes",
            1: "1 byte",
            999: "999 bytes",
            1000: "1.0 kB",
            12_345_678: "12.3 MB",
            2 * 10**15: "2000.0 TB",
        }
        self.assertEqual({size: format_size(size) for size in sizes}, sizes)
