"""What is sealed is opened with the same CA, purpose, salt and label, and with nothing else."""

from __future__ import annotations

from homeftp.crypto.ca import HomeCA, open_identity, read_ca
from homeftp.crypto.sealing import Sealer, new_salt
from homeftp.host import now
from tests.support.folders import QuickCase


class SealingTests(QuickCase):
    """Two homes."""

    def home(self) -> HomeCA:
        """One more home."""
        folder = self.mktemp()
        open_identity(folder, now=now)
        found = read_ca(folder)
        assert found is not None
        return found

    def test_sealed(self) -> None:
        """Only the same key gives the content back, under the label that it was sealed with."""
        home, salt = self.home(), new_salt()
        sealed = Sealer(home, "tests", salt).encrypt(b"content", "a")
        self.assertNotIn(b"content", sealed)
        self.assertEqual(Sealer(home, "tests", salt).decrypt(sealed, "a"), b"content")
        others = [Sealer(self.home(), "tests", salt), Sealer(home, "other", salt), Sealer(home, "tests", new_salt())]
        self.assertEqual([each.decrypt(sealed, "a") for each in others], [None] * 3)
        self.assertIsNone(Sealer(home, "tests", salt).decrypt(sealed, "b"))

    def test_changed(self) -> None:
        """Any change is noticed, and so is what is too short to be anything."""
        sealer = Sealer(self.home(), "tests", new_salt())
        sealed = sealer.encrypt(b"content", "a")
        for number in range(len(sealed)):
            changed = bytearray(sealed)
            changed[number] ^= 1
            self.assertIsNone(sealer.decrypt(bytes(changed), "a"))
            self.assertIsNone(sealer.decrypt(sealed[:number], "a"))
        self.assertEqual(sealer.decrypt(sealed, "a"), b"content", "the control")

    def test_twice(self) -> None:
        """The same content is never the same twice."""
        sealer = Sealer(self.home(), "tests", new_salt())
        self.assertNotEqual(sealer.encrypt(b"content", "a"), sealer.encrypt(b"content", "a"))
