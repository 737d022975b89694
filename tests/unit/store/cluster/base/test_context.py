"""A share is made once, whoever makes it, and one that is not there is said to be."""

from __future__ import annotations

import itertools

from homeftp.config import Retention
from homeftp.errors import OperatorError
from homeftp.interfaces.store import StoreOptions
from homeftp.store.cluster.base.context import find_share, make_share
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

    def test_options(self) -> None:
        """The limits and the retention are the owner's."""
        self.assertTrue(self.context.keeps_versions)
        none = self.server(StoreOptions(retention=Retention(seconds=0), file_size=5))
        self.assertEqual((none.keeps_versions, none.limits.file_size), (False, 5))
