"""A dump is one snapshot, whole or not there, made by one server at a time, and shows no secret."""

from __future__ import annotations

import contextlib
import zlib
from unittest import mock

import attrs
from msgspec import structs

from homeftp.cluster.dumps import manifest as manifests
from homeftp.cluster.dumps import tables
from homeftp.cluster.dumps.writing import dump_if_due, write_dump
from homeftp.cluster.migrations import SchemaPart
from homeftp.endpoint import parse
from homeftp.errors import Busy, OperatorError
from homeftp.history.changes import VersionId
from tests.support import clusterchecks
from tests.support.dumpcase import AUDITED, SECRET, DumpCase, home

DAY_US = 24 * 3600 * 1_000_000


def older_part(part: SchemaPart) -> SchemaPart:
    """A part without its last step, and what that made."""
    steps = part.steps[:-1]
    return attrs.evolve(part, steps=steps, kept=tuple(each for each in part.kept if each.since <= len(steps)))


class SnapshotTests(DumpCase):
    """Changes while the dump is written."""

    def forget(self) -> None:
        """Remove a file for good: its parts go."""
        history = self.store.history()
        assert history is not None
        list(self.store.remove(parse("b.txt"), None, False))
        history.remove_versions([VersionId(parse("b.txt"), each.at_us) for each in self.kept("b.txt")])
        self.write("later.txt")

    def test_writers(self) -> None:
        """What is changed meanwhile is not in it, in no table; nothing waits for the dump."""
        self.write("a.txt", "b.txt")
        before = self.rows(self.database, "node"), self.rows(self.database, "part")
        with self.at_put("node", self.forget):
            self.dump()
        self.assertEqual(self.names(), ["a.txt", "later.txt"])
        database = self.recovered()
        self.assertEqual((self.rows(database, "node"), self.rows(database, "part")), before)
        self.assert_consistent(database)

    def test_without_snapshot(self) -> None:
        """The control: tables of different times do not fit together, and that is noticed."""
        self.write("a.txt", "b.txt")
        self.patch(tables, "snapshot", contextlib.nullcontext)
        with self.at_put("node", self.forget):
            self.dump()
        self.assertNotEqual(clusterchecks.faults(self.recovered()), [])


class WriteTests(DumpCase):
    """What is in the bucket."""

    def test_interrupted(self) -> None:
        """Wherever the writing ends, only a whole dump counts as one."""
        first = self.dump()
        whole = self.bucket.put
        for at in range(100):
            left = [at]

            def put(name: str, content: bytes, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise Busy("the bucket is away")
                whole(name, content)

            with mock.patch.object(self.bucket, "put", put):
                try:
                    last = self.dump()
                except Busy:
                    self.assertEqual(manifests.list_dumps(self.bucket), [first.name])
                    continue
            break
        self.assertEqual(at, sum(len(table.parts) for table in last.tables) + 1, "the manifest is the last object")
        self.assertEqual(manifests.list_dumps(self.bucket), sorted([first.name, last.name]))

    def test_secrets(self) -> None:
        """Who reads the bucket sees names, and no account, no line of the audit log and no key."""
        self.write("seen.txt")
        made = self.dump()
        shown = bytearray()
        for objects in manifests.list_parts(self.bucket).values():
            for name in objects:
                size = next(size for page in self.bucket.list() for each, size in page if each == name)
                content = self.bucket.get(name, 0, size)
                shown += content
                with contextlib.suppress(zlib.error):
                    shown += zlib.decompress(content)
        self.assertIn(b"seen.txt", shown, "the control: this would find what is not encrypted")
        for secret in (SECRET, AUDITED, "ann", "PRIVATE KEY"):
            self.assertNotIn(secret.encode(), shown)
        self.assertEqual(made.identity, home().fingerprint)

    def test_no_identity(self) -> None:
        """Before there is a key to encrypt accounts with nothing is written."""
        self.cluster.execute("DELETE FROM identity")
        refused = self.assertRaises(OperatorError, self.dump)
        self.assertIn("start a server first", str(refused))
        self.assertEqual(manifests.list_parts(self.bucket), {})


class TurnTests(DumpCase):
    """Who writes, and when."""

    def test_alone(self) -> None:
        """While one writes no other does, and after that another one can."""
        asked: list[object] = []

        def others() -> None:
            database = self.server().database
            asked.append(dump_if_due(database, self.bucket, self.parts))
            asked.append(self.assertRaises(OperatorError, write_dump, database, self.bucket, self.parts))

        with self.at_put("node", others):
            first = self.dump()
        self.assertEqual((asked[0], "another dump is being written" in str(asked[1])), (False, True))
        self.assertEqual(manifests.list_dumps(self.bucket), [first.name])
        write_dump(self.server().database, self.bucket, self.parts)

    def test_lost(self) -> None:
        """A writer whose connection ends has written no dump: somebody else may have begun another one."""

        def end() -> None:
            self.cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%%' AND datname ="
                " current_database()"
            )

        with self.at_put("usage", end):
            self.assertRaises(Busy, self.dump)
        self.assertEqual(manifests.list_dumps(self.bucket), [])
        self.dump()

    def test_due(self) -> None:
        """One a day, whoever made it; one that is from the future does not count."""
        self.assertTrue(dump_if_due(self.database, self.bucket, self.parts))
        self.assertFalse(dump_if_due(self.server().database, self.bucket, self.parts))
        made = manifests.read_manifest(self.bucket)
        for shifted in (-DAY_US, DAY_US):
            manifests.remove_dump(self.bucket, manifests.list_dumps(self.bucket)[0], [])
            old = structs.replace(made, name=manifests.new_name(made.begun_us + shifted))
            manifests.write_manifest(self.bucket, old)
            self.assertTrue(dump_if_due(self.database, self.bucket, self.parts))
            manifests.remove_dump(self.bucket, old.name, [])

    def older(self) -> list[SchemaPart]:
        """The schema as the version before the last step of the store knew it."""
        return [older_part(part) if part.name == "store" else part for part in self.parts]

    def test_older_server(self) -> None:
        """A server that is older than the database writes no dump, and says so: it would leave out what it lacks."""
        for write in (dump_if_due, write_dump):
            refused = self.assertRaises(OperatorError, write, self.database, self.bucket, self.older())
            self.assertIn("Upgrade this server", str(refused))
        self.assertEqual(manifests.list_dumps(self.bucket), [])
        self.assertTrue(dump_if_due(self.database, self.bucket, self.parts), "the control")
        self.assertFalse(dump_if_due(self.database, self.bucket, self.older()), "the dump of the day is there")

    def test_due_after_older(self) -> None:
        """A dump that lacks a table, or was made before the upgrade, is not that of the day; a newer one is."""
        made = self.dump()
        rows = tuple(table for table in made.tables if table.name != "restored")
        newer = {**made.schema, "store": made.schema["store"] + 1, "later": 1}
        upgraded = {**made.schema, "store": made.schema["store"] - 1}
        for changed, due in (
            (structs.replace(made, schema=newer), False),
            (structs.replace(made, tables=rows), True),
            (structs.replace(made, tables=rows, schema=upgraded), True),
            (structs.replace(made, format=manifests.FORMAT + 1), True),
        ):
            for name in manifests.list_dumps(self.bucket):
                manifests.remove_dump(self.bucket, name, [])
            manifests.write_manifest(self.bucket, changed)
            self.assertEqual(dump_if_due(self.database, self.bucket, self.parts), due)

    def test_schema(self) -> None:
        """A dump says the schema that its writer knows."""
        self.assertEqual(self.dump().schema, {part.name: len(part.steps) for part in self.parts})

    def test_kept(self) -> None:
        """The newest stay. One that never became whole goes after a day, and not before: it may be being written."""
        made = self.dump()
        names = []
        for days in (5, 4, 3):
            old = structs.replace(made, name=manifests.new_name(made.begun_us - days * DAY_US))
            self.bucket.put(manifests.part_name(old.name, "node", 0), b"")
            manifests.write_manifest(self.bucket, old)
            names.append(old.name)
        torn = [manifests.new_name(made.begun_us - hours * DAY_US // 24) for hours in (25, 23)]
        for name in torn:
            self.bucket.put(manifests.part_name(name, "node", 0), b"")
        newest, removed = write_dump(self.database, self.bucket, self.parts, 2)
        self.assertEqual(removed, names)
        self.assertEqual(manifests.list_dumps(self.bucket), sorted([made.name, newest.name]))
        self.assertEqual(set(manifests.list_parts(self.bucket)), {made.name, newest.name, torn[1]})
        self.assertEqual(write_dump(self.database, self.bucket, self.parts)[1], [], "without a number all stay")
