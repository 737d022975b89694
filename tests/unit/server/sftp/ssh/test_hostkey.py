"""The server's key: made once, for the owner only."""

from __future__ import annotations

import os
import stat
import subprocess

from homeftp.crypto.sshhostkey import FILE
from homeftp.errors import OperatorError
from homeftp.server.sftp.ssh.hostkey import fingerprint, open_host_key
from tests.support.folders import QuickCase


class HostKeyTests(QuickCase):
    """One state folder."""

    def test_made(self) -> None:
        """The first start makes a key that only the owner may read; later ones have the same."""
        folder = self.mktemp()
        os.mkdir(folder, 0o700)
        key = open_host_key(folder)
        path = os.path.join(folder, FILE)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(open_host_key(folder).public().blob(), key.public().blob())
        shown = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, check=True).stdout.decode()
        self.assertIn(f" {fingerprint(key)} ", shown)

    def test_refused(self) -> None:
        """What is no private Ed25519 key of the owner's alone is refused."""
        folder = self.mktemp()
        os.mkdir(folder, 0o700)
        path = os.path.join(folder, FILE)
        for content, mode in ((b"nonsense", 0o600), (b"", 0o600), (b"", 0o644)):
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
            self.assertRaises(OperatorError, open_host_key, folder)
