"""The manifest makes a dump whole, and what is not one is refused."""

from __future__ import annotations

import msgspec
from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.dumps import manifest as manifests
from homeftp.cluster.dumps.manifest import DumpedTable, DumpManifest, part_of
from homeftp.errors import OperatorError
from tests.support.clusters import memory_bucket

AT_US = 1_790_000_000_000_000


class ManifestTests(SynchronousTestCase):
    """A bucket in memory."""

    def setUp(self) -> None:
        """Make it, and a manifest."""
        self.bucket = memory_bucket()
        table = DumpedTable("node", ("id",), 1, (part_of(b"rows"),))
        self.manifest = DumpManifest(
            name=manifests.new_name(AT_US),
            begun_us=AT_US,
            version="1",
            schema={"store": 1},
            identity="SHA256:00",
            salt="00",
            sequences={"number": 7},
            tables=(table,),
        )

    def refused(self, name: str | None = None) -> str:
        """Why there is none."""
        return str(self.assertRaises(OperatorError, manifests.read_manifest, self.bucket, name))

    def test_newest(self) -> None:
        """The newest is read unless another one is named; other names are none."""
        self.assertIn("no dump", self.refused())
        later = structs.replace(self.manifest, name=manifests.new_name(AT_US + 86_400_000_000))
        manifests.write_manifest(self.bucket, later)
        manifests.write_manifest(self.bucket, self.manifest)
        self.bucket.put("dumps/whole/zzz", b"{}")
        self.bucket.put("ab/" + "0" * 30, b"an object")
        self.assertEqual(manifests.list_dumps(self.bucket), [self.manifest.name, later.name])
        self.assertEqual(manifests.read_manifest(self.bucket), later)
        self.assertEqual(manifests.read_manifest(self.bucket, self.manifest.name), self.manifest)
        self.assertEqual(later.size, 4)
        self.assertIn(later.name, self.refused("zzz"))

    def test_within_second(self) -> None:
        """Of dumps that were begun within one second the later one is the newest, whatever the rest of their names."""
        begun = range(AT_US, AT_US + 16)
        made = [structs.replace(self.manifest, name=manifests.new_name(each)) for each in begun]
        for each in made:
            manifests.write_manifest(self.bucket, each)
        self.assertEqual(manifests.list_dumps(self.bucket), [each.name for each in made])
        self.assertEqual(manifests.read_manifest(self.bucket), made[-1])

    def test_older_names(self) -> None:
        """Dumps of earlier versions, whose names have whole seconds, are found; those of later seconds are newer."""
        old = structs.replace(self.manifest, name="2026-09-21T141520Z-0123abcd")  # of AT_US + 120 seconds
        after = structs.replace(self.manifest, name=manifests.new_name(AT_US + 121_000_000))
        for each in (after, old, self.manifest):
            manifests.write_manifest(self.bucket, each)
        self.assertEqual(manifests.list_dumps(self.bucket), [self.manifest.name, old.name, after.name])
        self.bucket.delete([f"dumps/whole/{after.name}"])
        self.assertEqual(manifests.newest_at(self.bucket), AT_US // 1_000_000 + 120)

    def test_newest_at(self) -> None:
        """The time of the newest is that of its name; where there is none it is 0."""
        self.assertEqual(manifests.newest_at(self.bucket), 0)
        later = structs.replace(self.manifest, name=manifests.new_name(AT_US + 86_400_000_000))
        for each in (later, self.manifest):
            manifests.write_manifest(self.bucket, each)
        self.assertEqual(manifests.newest_at(self.bucket), AT_US / 1_000_000 + 86_400)

    def test_refused(self) -> None:
        """What is no manifest, that of another dump, and one of a later format."""
        where = f"dumps/whole/{self.manifest.name}"
        other = structs.replace(self.manifest, name=manifests.new_name(AT_US))
        for content, why in (
            (b"", "not one"),
            (msgspec.json.encode(self.manifest)[:-9], "not one"),
            (b'{"name": 5}', "not one"),
            (msgspec.json.encode(other), "another one"),
            (msgspec.json.encode(structs.replace(self.manifest, format=2)), "newer homeftp"),
        ):
            self.bucket.put(where, content)
            self.assertIn(why, self.refused())

    def test_parts(self) -> None:
        """A part is known by its bytes, and found by its dump."""
        self.assertTrue(part_of(b"rows").is_of(b"rows"))
        self.assertFalse(part_of(b"rows").is_of(b"rowz"))
        name = manifests.part_name(self.manifest.name, "node", 3)
        self.bucket.put(name, b"rows")
        self.bucket.put("dumps/parts/other/node/000000", b"somebody's")
        manifests.write_manifest(self.bucket, self.manifest)
        self.assertEqual(manifests.list_parts(self.bucket), {self.manifest.name: [name]})
        manifests.remove_dump(self.bucket, self.manifest.name, [name])
        self.assertEqual((manifests.list_dumps(self.bucket), manifests.list_parts(self.bucket)), ([], {}))
