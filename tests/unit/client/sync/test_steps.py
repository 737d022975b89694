"""What the steps of a plan do together."""

from __future__ import annotations

from twisted.trial import unittest

from homeftp.client.sync.model import Act, Side, SyncAction, SyncPlan
from homeftp.client.sync.steps import as_allowed, changes_nothing, cleared_first, identity_of
from tests.support.synctrees import DIRECTORY, file

ONE = file("one")


class StepTests(unittest.SynchronousTestCase):
    """Single steps."""

    def test_cleared_first(self) -> None:
        """What has the name of something that is copied, in any case, or is beneath it, is deleted first."""
        contents = [SyncAction(Act.COPY, Side.THERE, name, ONE) for name in ("d", "Photo", "new")]
        deletions = [
            SyncAction(Act.DELETE, side, name, ONE, ONE)
            for side, name in (
                (Side.THERE, "d/x"),
                (Side.THERE, "photo"),
                (Side.THERE, "PHOTO/x"),
                (Side.THERE, "other"),
                (Side.HERE, "photo"),
            )
        ]
        self.assertEqual(cleared_first(deletions, contents), deletions[:3])
        self.assertEqual(cleared_first([], contents), [])

    def test_allowed(self) -> None:
        """A step of a new plan is allowed as it was confirmed; the mode of a folder that was to be copied, too."""
        made = SyncAction(Act.COPY, Side.THERE, "d", DIRECTORY)
        allowed = {identity_of(made)}
        self.assertEqual(as_allowed(made, allowed), made)
        self.assertIsNone(as_allowed(made._replace(name="e"), allowed))
        mode = SyncAction(Act.METADATA, Side.HERE, "d", DIRECTORY, DIRECTORY)
        self.assertEqual(as_allowed(mode, allowed), mode._replace(target=Side.THERE))

    def test_nothing(self) -> None:
        """A plan in which only persons have to decide changes nothing."""
        waits = SyncAction(Act.SUSPICIOUS, Side.HERE, "a", ONE, ONE)
        self.assertTrue(changes_nothing(SyncPlan([waits])))
        self.assertFalse(changes_nothing(SyncPlan([waits, waits._replace(act=Act.COPY)])))
