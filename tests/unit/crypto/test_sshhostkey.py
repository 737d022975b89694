"""The file of the server's SSH key."""

from __future__ import annotations

import os

from homeftp.crypto.sshhostkey import FILE, new_host_key, read_host_key, share_host_key, write_host_key
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class HostKeyFileTests(QuickCase):
    """One state folder."""

    def setUp(self) -> None:
        self.state = os.path.abspath(self.mktemp())

    def test_written(self) -> None:
        """What is written is read, by the owner only; before that there is nothing."""
        self.assertIsNone(read_host_key(self.state))
        content = new_host_key()
        write_host_key(self.state, content)
        self.assertEqual(read_host_key(self.state), content)
        self.assertEqual(os.stat(os.path.join(self.state, FILE)).st_mode & 0o777, 0o600)
        self.assertNotEqual(new_host_key(), content)

    def test_shared(self) -> None:
        """A key that is shared replaces the own one; one that is not needed is neither made nor taken."""
        offered: list[bytes] = []
        shared = new_host_key()

        def share(own: bytes) -> bytes:
            offered.append(own)
            return shared

        share_host_key(self.state, share, needed=False)
        self.assertEqual((read_host_key(self.state), offered), (None, []))
        share_host_key(self.state, lambda own: own, needed=True)
        own = read_host_key(self.state)
        assert own is not None
        share_host_key(self.state, share, needed=False)
        self.assertEqual((read_host_key(self.state), offered), (shared, [own]))

    def test_no_key(self) -> None:
        """What is no private Ed25519 key does not replace one."""
        share_host_key(self.state, lambda own: own, needed=True)
        own = read_host_key(self.state)
        for wrong in (b"", b"nonsense"):
            with self.assertRaisesRegex(OperatorError, "UPDATE identity SET ssh_key = NULL"):
                share_host_key(self.state, lambda own, wrong=wrong: wrong, needed=True)  # type: ignore[misc]
        self.assertEqual(read_host_key(self.state), own)
