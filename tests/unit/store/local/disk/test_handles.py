"""Helpers for names and modes."""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.disk.handles import set_mode


class ModeTests(SynchronousTestCase):
    """Permission bits."""

    def test_only_nine_bits(self) -> None:
        """No set-user-ID bit can be set; existing special bits of a folder stay."""
        path = os.path.abspath(self.mktemp())
        os.mkdir(path)
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        set_mode(fd, 0o7750)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o750)
        os.chmod(path, 0o2755)
        set_mode(fd, 0o700)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o2700)
