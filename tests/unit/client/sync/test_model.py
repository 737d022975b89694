"""The values of a sync."""

from __future__ import annotations

from twisted.trial import unittest

from homeftp.client.sync.model import Act, Side, SyncAction, is_within, same_content
from tests.support.synctrees import DIRECTORY, file


class ModelTests(unittest.SynchronousTestCase):
    """Nodes, sides and actions."""

    def test_same_content(self) -> None:
        """Time and mode are no part of the content; nothing is the same as nothing."""
        self.assertTrue(same_content(file("a", 1), file("a", 2, 0o600)))
        self.assertTrue(same_content(None, None))
        for one, other in ((file("a"), file("b")), (file("a"), None), (DIRECTORY, file("a"))):
            self.assertFalse(same_content(one, other))

    def test_sides(self) -> None:
        """An action says what each side has, and what the target is given."""
        action = SyncAction(Act.COPY, Side.THERE, "a", file("here"), file("there"))
        self.assertEqual((action.node(Side.HERE), action.node(Side.THERE)), (file("here"), file("there")))
        self.assertEqual(action.source, file("here"))
        self.assertEqual([side.other for side in Side], [Side.THERE, Side.HERE])

    def test_within(self) -> None:
        """A name is within itself and the directories around it, and not within what only begins alike."""
        self.assertTrue(is_within("a/b", "a/b"))
        self.assertTrue(is_within("a/b/c", "a"))
        self.assertFalse(is_within("ab", "a"))
