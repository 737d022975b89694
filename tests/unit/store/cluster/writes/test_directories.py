"""A move whose source becomes another thing meanwhile is looked at again."""

from __future__ import annotations

from unittest import mock

from homeftp.endpoint import parse
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import names as names_table
from tests.support.clustercase import ClusterCase, request


class MoveTests(ClusterCase):
    """Moves."""

    def test_another_kind(self) -> None:
        """A file that is a directory by the time it is moved is moved as one, in the end."""
        self.write("a")
        other = ClusterStore(self.server())
        whole = names_table.find
        found: list[object] = []

        def find(*arguments: object) -> object:
            found.append(whole(*arguments))  # type: ignore[arg-type]
            if len(found) == 1:
                list(other.remove(parse("a"), None, False))
                other.make_directory(request("a/b"))
            return found[-1]

        with mock.patch.object(names_table, "find", find):
            self.assertEqual(self.store.move(parse("a"), parse("c"), None, None).kind, "directory")
        self.assertEqual(self.names(), ["c", "c/b"])
        self.assert_sound()
