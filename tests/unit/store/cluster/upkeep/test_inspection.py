"""Everything is looked at and nothing changed: what is damaged or missing is named, and nothing else is."""

from __future__ import annotations

import itertools
from typing import Callable, Iterator
from unittest import mock

from homeftp.endpoint import parse
from homeftp.history.changes import VersionId
from homeftp.model import Damage
from homeftp.store.cluster.tables import damages
from homeftp.store.cluster.upkeep import inspection
from homeftp.store.cluster.upkeep.inspection import ClusterInspection
from homeftp.store.cluster.writes import removal
from tests.support.clustercase import ClusterCase, request

LARGE = bytes(range(256)) * 5000


class InspectionTests(ClusterCase):
    """Parts of 400 KiB: the large file has four."""

    cluster_options = {"part_bytes": 400 << 10}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """Two packs, a copy, a large file, an empty one, and versions."""
        super().setUp()
        self.write("a.txt", "d/b.txt")
        self.write("c.txt", content=b"another")
        list(self.store.copy(parse("c.txt"), parse("copy.txt"), source_precondition=None, target_precondition=None))
        self.write("large.bin", content=LARGE)
        self.write("empty.txt", content=b"")
        self.write("a.txt", content=b"new")
        self.paced: list[int] = []

    def read(self) -> list[Damage]:
        """The damages that reading finds."""
        steps = list(ClusterInspection(self.context, self.paced.append).read())
        self.counted = sum(each.files for each in steps), sum(each.versions for each in steps)
        return [damage for each in steps for damage in each.damages]

    def compare(self) -> list[Damage]:
        """The damages that a listing of the bucket finds."""
        self.inspection = ClusterInspection(self.context, self.paced.append)
        return [damage for each in self.inspection.compare() for damage in each.damages]

    def objects_of(self, path: str) -> list[str]:
        """The objects of a file."""
        query = "SELECT p.object FROM node n JOIN part p USING (content) WHERE n.name = %s ORDER BY p.seq"
        return [str(name) for (name,) in self.cluster.execute(query, path.rpartition("/")[2])]

    def tables(self) -> list[object]:
        """All that could be changed."""
        return [self.cluster.execute(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("node", "version", "part")]

    def named(self, found: list[Damage]) -> list[tuple[str, str, bool]]:
        """The names of damages, their kinds, and whether they are of versions."""
        return sorted((each.name, each.damage, each.at_us is not None) for each in found)

    def test_sound(self) -> None:
        """All is read once, in pieces, and nothing is damaged."""
        self.assertEqual((self.read(), self.compare()), ([], []))
        self.assertEqual(self.counted, (6, 1))
        self.assertEqual(sum(self.paced), len(LARGE) + len(b"content") * 2 + len(b"another") * 2 + len(b"new"))
        self.assertLessEqual(max(self.paced), 1 << 20)
        self.assertEqual((self.inspection.unnamed, self.inspection.unnamed_bytes), (0, 0))

    def test_missing(self) -> None:
        """Each name and version that needs a missing object is named, the others in its pack and copies, too."""
        (pack,) = self.objects_of("d/b.txt")
        (shared,) = self.objects_of("copy.txt")
        self.cluster.bucket.delete([pack, shared, self.objects_of("large.bin")[2]])
        before = self.tables()
        expected = [(name, "unreadable", False) for name in ("c.txt", "copy.txt", "d/b.txt", "large.bin")]
        expected.insert(0, ("a.txt", "unreadable", True))
        self.assertEqual(self.named(self.read()), expected)
        self.assertEqual(self.named(self.compare()), expected)
        self.assertEqual(self.tables(), before)

    def test_damaged(self) -> None:
        """Other bytes are found by reading, also in a large file; a cut pack damages what is behind the cut."""
        self.cluster.damage("d/b.txt", b"CONTENT")
        name = self.objects_of("large.bin")[1]
        self.cluster.bucket.put(name, bytes(400 << 10))
        found = [("d/b.txt", "content", False), ("large.bin", "content", False)]
        self.assertEqual((self.named(self.read()), self.compare()), (found, []))
        (pack,) = self.objects_of("d/b.txt")
        self.cluster.bucket.put(pack, b"content")
        cut = [("d/b.txt", "unreadable", False), ("large.bin", "content", False)]
        self.assertEqual(self.named(self.read()), cut)
        self.assertEqual(len(self.compare()), 2, "a listing tells of an object, and not of what is in it")

    def test_changed_meanwhile(self) -> None:
        """A file that is removed for good while it is looked at is not damaged; the control: it would be."""

        def forget(size: int) -> None:
            history = self.store.history()
            assert history is not None
            for name in ("c.txt", "copy.txt"):
                if self.store.stat(parse(name)) is not None:
                    list(self.store.remove(parse(name), None, False))
                    history.remove_versions([VersionId(parse(name), each.at_us) for each in self.kept(name)])
            self.cluster.bucket.delete(others)

        others = self.objects_of("copy.txt")
        self.write("0/first.bin", content=LARGE)
        found = [each for step in ClusterInspection(self.context, forget).read() for each in step.damages]
        self.assertEqual(found, [])
        self.patch(damages, "is_there", lambda *arguments: True)
        self.cluster.bucket.delete(self.objects_of("large.bin")[:1])
        self.assertEqual(self.named(self.read()), [("large.bin", "unreadable", False)])

    def test_removed(self) -> None:
        """What is in a directory that is being removed is named, too, by the path that it had."""
        self.write("gone/e.txt", content=b"in a pack of its own")
        objects = self.objects_of("gone/e.txt")
        with mock.patch.object(removal, "step", lambda *arguments: 0):
            list(self.store.remove(parse("gone"), None, True))
        self.cluster.bucket.delete(objects)
        for found in (self.read(), self.compare()):
            self.assertEqual(self.named(found), [("gone/e.txt", "unreadable", True)])
        self.assertEqual(len(self.cluster.execute("SELECT * FROM removed")), 1)
        removal.finish_all(self.context)
        self.assertEqual(self.named(self.read()), [("gone/e.txt", "unreadable", True)])

    def test_unnamed(self) -> None:
        """Objects that nothing names are counted, and not those of others."""
        self.cluster.bucket.put(self.cluster.bucket.new_name(), b"orphan")
        self.cluster.bucket.put("dumps/whole/x", b"a dump")
        self.assertEqual(self.compare(), [])
        self.assertEqual((self.inspection.unnamed, self.inspection.unnamed_bytes), (1, 6))

    def test_upload(self) -> None:
        """The objects of an upload that is not complete are not unnamed."""
        upload = self.store.upload(request("up.bin", size=1800 << 10))
        upload.write(bytes(1700 << 10))
        upload.suspend()
        self.compare()
        self.assertEqual(self.inspection.unnamed, 0)

    def test_stored_meanwhile(self) -> None:
        """What servers store while the bucket is listed is not missing; the control: what is lost beside it is."""
        whole, done = self.cluster.bucket.list, set[str]()

        def listing(beneath: str = "") -> Iterator[list[tuple[str, int]]]:
            yield from whole(beneath)
            if beneath not in done:  # a folder's pages are read, and the tables are not
                done.add(beneath)
                for number in range(8):
                    self.write(f"{beneath}{number}.txt")

        names = [f"{number:02x}/" for number in range(8)]
        self.patch(inspection, "NAME_FOLDERS", names)
        self.patch(self.cluster.bucket, "new_name", self.names_beneath(names))
        self.write("lost.txt")
        self.cluster.bucket.delete(self.objects_of("lost.txt"))
        self.patch(self.cluster.bucket, "list", listing)
        self.assertEqual(self.named(self.compare()), [("lost.txt", "unreadable", False)])
        self.assertEqual(done, set(names))

    def names_beneath(self, folders: list[str]) -> Callable[[], str]:
        """Gives names of objects in these folders of the bucket, one after the other."""
        numbers = itertools.count()
        return lambda: f"{folders[(number := next(numbers)) % len(folders)]}{number:030x}"

    def test_many_missing(self) -> None:
        """However many are missing: memory has only so many of them, and each file is named."""
        self.patch(inspection, "MOST_MISSING", 2)
        self.cluster.bucket.delete(sorted(self.objects()))
        names = {(each.name, each.at_us) for each in self.compare()}
        self.assertEqual(len(names), 6)
