"""The state of the scrub in the state folder."""

from __future__ import annotations

import os
import stat

import attrs

from homeftp.control.scrubstate import FILE, ScrubState, load_scrub_state, save_scrub_state
from homeftp.errors import OperatorError
from homeftp.model import Damage
from tests.support.folders import QuickCase


class ScrubStateTests(QuickCase):
    """Saving and loading."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder, 0o700)
        self.path = os.path.join(self.folder, FILE)

    def test_round_trip(self) -> None:
        """What was saved is loaded, in a file that nobody else may read."""
        self.assertIsNone(load_scrub_state(self.folder))
        damages = (Damage("a", "content", "sha256:00"), Damage("b", "unreadable", None, 5, True))
        state = ScrubState(root="/srv", began_us=1, ended_us=2, files=3, found=2, damaged=damages, damaged_total=2)
        save_scrub_state(self.folder, state)
        self.assertEqual(load_scrub_state(self.folder), state)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_summary(self) -> None:
        """How far it is, and the first names of what is damaged."""
        state = ScrubState(root="/srv")
        self.assertEqual(state.summary, "not begun yet")
        state = attrs.evolve(state, began_us=1, files=1200, versions=3)
        self.assertIn("1 file and 1 version read", attrs.evolve(state, files=1, versions=1).summary)
        self.assertEqual(state.summary, "1,200 files and 3 versions read so far; no damage found")
        damages = (Damage("a", "content"), Damage("b", "content", None, 5))
        ended = attrs.evolve(state, ended_us=2)
        self.assertEqual(ended.summary, "1,200 files and 3 versions read; no damage found")
        state = attrs.evolve(ended, damaged=damages, damaged_total=2)
        self.assertEqual(state.summary, "1,200 files and 3 versions read; 2 damaged: a, b (a version)")
        many = attrs.evolve(state, damaged=damages * 3, damaged_total=6)
        self.assertTrue(many.summary.endswith("6 damaged: a, b (a version), a, …"))

    def test_not_understood(self) -> None:
        """A file that is garbage, or of another version, is as if there were none; fields to come are ignored."""
        for content, known in (
            (b"", False),
            (b"{}", False),
            (b'{"root": 5}', False),
            (b'{"root": "/srv", "colour": "red"}', True),
        ):
            with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            self.assertEqual(load_scrub_state(self.folder) is not None, known, content)

    def test_open_to_others(self) -> None:
        """A file that others may read is refused, as everything in the state folder."""
        save_scrub_state(self.folder, ScrubState(root="/srv"))
        os.chmod(self.path, 0o644)
        self.assertRaises(OperatorError, load_scrub_state, self.folder)
