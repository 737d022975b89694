"""What is counted for quotas is what is there, whatever was done, and is counted only where a quota is."""

from __future__ import annotations

from homeftp.config import NAME_COST
from homeftp.endpoint import parse
from homeftp.store.cluster.tables import usage
from tests.support.clustercase import ClusterCase, request


class UsageTests(ClusterCase):
    """Two homes and the whole."""

    def setUp(self) -> None:
        """Begin to count."""
        super().setUp()
        self.tops = [(), ("ann",), ("bob",)]
        for top in self.tops:
            usage.ensure(self.context.database, self.context.share.id, self.context.share.root, top)

    def assert_right(self) -> dict[tuple[str, ...], int]:
        """What is counted is what there is."""
        database, share = self.context.database, self.context.share
        counted = usage.covering(database, share.id, self.tops)
        self.assertEqual(counted, {top: usage.measure(database, share.id, share.root, top) for top in self.tops})
        return counted

    def copy(self, source: str, target: str) -> None:
        """Copy a file."""
        list(self.store.copy(parse(source), parse(target), source_precondition=None, target_precondition=None))

    def test_tree(self) -> None:
        """A directory that takes homes with it, away or back, and one that is a home itself."""
        self.write("ann/d/a.txt", "bob/b.txt", content=bytes(10_000))
        homes = [("homes", "ann"), ("homes",)]
        self.store.move(parse("ann"), parse("homes/ann"), None, None)
        self.assert_right()
        database, share = self.context.database, self.context.share
        for top in homes:
            usage.ensure(database, share.id, share.root, top)
        self.tops += homes
        self.assert_right()
        self.store.move(parse("homes/ann/d"), parse("bob/d"), None, None)
        self.assert_right()
        self.store.move(parse("bob/d"), parse("homes/ann/d"), None, None)
        self.assert_right()
        self.store.move(parse("homes"), parse("away"), None, None)
        usage.ensure(database, share.id, share.root, homes[0])
        self.assertEqual(self.assert_right()[homes[0]], 0)
        self.store.move(parse("away"), parse("homes"), None, None)
        usage.ensure(database, share.id, share.root, homes[0])
        self.assertGreater(self.assert_right()[homes[0]], 10_000)
        list(self.store.remove(parse("homes"), None, True))
        usage.ensure(database, share.id, share.root, homes[0])
        self.assert_right()

    def test_counted(self) -> None:
        """Every change is counted, for each path that has a quota."""
        self.assertEqual(set(self.assert_right().values()), {0})
        self.write("ann/a.txt", "ann/b.txt", content=bytes(10_000))
        self.assertEqual(self.assert_right()["ann",], 20_000)
        self.assertEqual(self.assert_right()["bob",], 0)
        self.write("ann/a.txt", content=b"small")
        self.assertEqual(self.assert_right()["ann",], 20_000 + NAME_COST)
        acts = [
            lambda: self.store.move(parse("ann/b.txt"), parse("bob/b.txt"), None, None),
            lambda: self.store.move(parse("ann"), parse("bob/home"), None, None),
            lambda: self.copy("bob/b.txt", "ann/c.txt"),
            lambda: self.store.restore(parse("ann/a.txt"), None, None),
            lambda: self.store.make_directory(request("ann/d/e")),
            lambda: self.store.edit(request("ann/a.txt")).commit(),
            lambda: list(self.store.remove(parse("bob"), None, True)),
            lambda: list(self.store.remove(parse("ann/a.txt"), None, False)),
            lambda: self.store.maintain(),
        ]
        for act in acts:
            act()
            self.assert_right()
        self.assertGreater(self.assert_right()["bob",], 0, "versions count")

    def test_not_counted(self) -> None:
        """Without a quota nothing is counted, and writers do not wait for each other."""
        found = usage.covering(self.context.database, self.context.share.id, [("eve", "x")])
        self.assertEqual(set(found), {()})

    def test_evictable(self) -> None:
        """The bytes of versions beneath a path, up to a time."""
        for content in (bytes(10_000), b"1"):
            self.write("ann/a.txt", content=content)
        (version,) = self.kept()
        database, share = self.context.database, self.context.share.id
        asked = [(("ann",), None), (("ann",), version.at_us), (("ann",), version.at_us - 1), (("bob",), None)]
        self.assertEqual([usage.evictable(database, share, *each) for each in asked], [10_000, 10_000, 0, 0])
