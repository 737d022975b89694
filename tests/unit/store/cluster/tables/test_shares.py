"""A share is made once, whoever makes it, and one that is not there is said to be."""

from __future__ import annotations

import itertools
from functools import partial

from homeftp.errors import OperatorError
from homeftp.store.cluster.tables.shares import find_share, make_share, reach, reached
from tests.support.clustercase import ClusterCase

_NUMBERS = itertools.count(1)


class ShareTests(ClusterCase):
    """Shares."""

    def test_made_once(self) -> None:
        """A second server finds the share that the first one made; another name is another share."""
        name = f"made {next(_NUMBERS)}"
        made = make_share(self.context.database, name)
        self.assertEqual(make_share(self.server().database, name), made)
        self.assertEqual(find_share(self.context.database, name), made)
        self.assertNotEqual(make_share(self.context.database, f"{name} too"), made)
        self.assert_sound()

    def test_missing(self) -> None:
        """A share that is not there is refused with what to do."""
        refused = self.assertRaises(OperatorError, find_share, self.context.database, "none")
        self.assertIn("homeftp cluster init", str(refused))

    def test_reach(self) -> None:
        """The longest path and the deepest one are kept, each by itself; a shorter one changes nothing."""
        database = self.context.database
        share = make_share(database, f"reached {next(_NUMBERS)}").id
        self.assertEqual(reach(database, share), (0, 0))
        for longest, deepest in ((9, 2), (5, 4), (3, 1)):
            database.transact(partial(reached, share=share, longest=longest, deepest=deepest))
        self.assertEqual(reach(database, share), (9, 4))
