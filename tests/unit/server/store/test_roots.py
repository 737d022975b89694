"""What a state folder knows of the stores that were served with it."""

from __future__ import annotations

import os

from homeftp.errors import OperatorError
from homeftp.server.store.roots import FILE, KnownRoots
from tests.support.folders import QuickCase


class KnownRootsTests(QuickCase):
    """`KnownRoots`."""

    def setUp(self) -> None:
        self.state = os.path.abspath(self.mktemp())
        os.mkdir(self.state, 0o700)

    def test_remembered(self) -> None:
        """A location that was added is known from then on, and no other is."""
        for location in ("/srv/photos", "s3://bucket", "/srv/\udcff"):
            self.assertFalse(KnownRoots(self.state, location).is_known())
            for _ in range(2):
                KnownRoots(self.state, location).add()
            self.assertTrue(KnownRoots(self.state, location).is_known())
        self.assertFalse(KnownRoots(self.state, "/srv/other").is_known())

    def test_id(self) -> None:
        """Each location has an id, which stays; one that an earlier version remembered gets one when it is served."""
        first, second = (KnownRoots(self.state, location) for location in ("/srv/photos", "/srv/music"))
        self.assertIsNone(first.id())
        for roots in (first, second, first):
            roots.add()
        ids = first.id(), second.id()
        self.assertEqual([len(each or "") for each in ids], [32, 32])
        self.assertEqual(len({*ids, KnownRoots(self.state, "/srv/photos").id()}), 2)
        with open(os.path.join(self.state, FILE), "w", encoding="utf-8") as file:
            file.write('["/srv/photos"]')
        self.assertEqual((first.is_known(), first.id(), second.is_known()), (True, None, False))
        first.add()
        self.assertNotIn(first.id(), (None, *ids))

    def test_link(self) -> None:
        """A folder is known by every path that leads to it."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        os.symlink(folder, f"{folder}.link")
        KnownRoots(self.state, f"{folder}.link").add()
        self.assertTrue(KnownRoots(self.state, folder).is_known())

    def test_no_state(self) -> None:
        """Without a state folder nothing is known."""
        self.assertFalse(KnownRoots(os.path.join(self.state, "none"), "/srv").is_known())

    def test_damaged(self) -> None:
        """A damaged file is not taken for an empty one: the start is refused, and the line says what to do."""
        for content in (b"", b"[", b"{}", b'{"/srv": 1}', b"[1]", b"\xff"):
            with open(os.path.join(self.state, FILE), "wb") as file:
                file.write(content)
            os.chmod(os.path.join(self.state, FILE), 0o600)
            error = self.assertRaises(OperatorError, KnownRoots(self.state, "/srv").is_known)
            self.assertIn("remove the file", str(error))
