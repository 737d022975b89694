"""Numbers identify what is in the database: no two takers get the same."""

from __future__ import annotations

from homeftp.store.cluster.tables import numbers
from tests.support.clustercase import ClusterCase


class NumberTests(ClusterCase):
    """`numbers.allocate`."""

    def test_take(self) -> None:
        """Each is given once, in every server, with the database's time."""
        taken = [numbers.allocate(each.database, 3) for each in (self.context, self.server(), self.context)]
        self.assertEqual([times for times, _ in taken], sorted(times for times, _ in taken))
        everything = [each for _, given in taken for each in given]
        self.assertEqual(everything, sorted(set(everything)))
        self.assertEqual([len(given) for _, given in taken], [3, 3, 3])
