"""What was seen on servers: true or nothing, whatever happens to the database."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing

from homeftp.client.seen.store import SeenScope, SeenStore
from homeftp.hashing.filehash import hash_bytes
from tests.support.folders import QuickCase

NAS = SeenScope("SHA256:" + "1" * 64, "ann")
ONE, OTHER = hash_bytes(b"one"), hash_bytes(b"other")
DAY = 86_400
MANY = 1_500
"""More paths than one query asks for."""


class StoreCase(QuickCase):
    """A store in a file."""

    def setUp(self) -> None:
        self.path = os.path.join(os.path.abspath(self.mktemp()), "seen.sqlite")
        self.now = 20_000.0 * DAY
        self.store = self.open()

    def open(self, **settings: float) -> SeenStore:
        """The store, closed at the end of the test."""
        store = SeenStore(self.path, clock=lambda: self.now, **settings)  # type: ignore[arg-type]
        self.addCleanup(store.close)
        return store

    def seen(self, path: str, scope: SeenScope = NAS) -> str | None:
        """What was last seen at a path."""
        return self.store.last(scope, [path]).get(path)


class SeenTests(StoreCase):
    """Which hash was seen where."""

    def test_last(self) -> None:
        """The last hash of a path counts, after a restart too; a path that was never seen has none."""
        self.store.record(NAS, [("a", ONE), ("d/é", ONE)])
        self.store.record(NAS, [("a", OTHER)])
        self.store.close()
        self.assertIsNone(self.seen("a"), "a closed store knows nothing")
        self.store = self.open()
        self.assertEqual((self.seen("a"), self.seen("d/é"), self.seen("b")), (OTHER, ONE, None))
        self.assertIsNone(self.seen("A"), "case counts")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_places(self) -> None:
        """Each server, account and pair of folders has its own; forgetting a server leaves the others."""
        others = [NAS._replace(server="SHA256:2"), NAS._replace(account="bob"), NAS._replace(local="/home/ann")]
        self.store.record(NAS, [("a", ONE)])
        for scope in others:
            self.assertIsNone(self.seen("a", scope))
            self.store.record(scope, [("a", OTHER)])
        self.store.forget(NAS.server)
        self.assertIsNone(self.seen("a"))
        self.assertEqual([self.seen("a", scope) for scope in others], [OTHER, None, None])

    def test_moved(self) -> None:
        """What was seen at a path and beneath it is at the new path; what was there before is not."""
        rows = [("d", ONE), ("d/a", ONE), ("d/é/b", OTHER), ("d-x", ONE), ("d0", ONE), ("new/old", ONE), ("other", ONE)]
        self.store.record(NAS, rows)
        self.store.record(NAS._replace(account="bob"), rows)
        self.store.moved(NAS, "d", "new")
        paths = ["d", "d/a", "new", "new/a", "new/é/b", "new/old", "d-x", "d0", "other"]
        found = {"new": ONE, "new/a": ONE, "new/é/b": OTHER, "d-x": ONE, "d0": ONE, "other": ONE}
        self.assertEqual(self.store.last(NAS, paths), found)
        self.assertEqual(self.store.last(NAS._replace(account="bob"), ["d/a"]), {"d/a": ONE})

    def test_many(self) -> None:
        """Many paths are looked up at once."""
        rows = [(f"d/{number}", hash_bytes(b"%d" % number)) for number in range(MANY)]
        self.store.record(NAS, iter(rows))
        self.assertEqual(self.store.last(NAS, [path for path, _ in rows] + ["none"]), dict(rows))

    def test_processes(self) -> None:
        """Two processes and several threads share the table; none of their rows is lost."""
        other = self.open()
        threads = [
            threading.Thread(target=store.record, args=(NAS, [(f"{number}/{row}", ONE) for row in range(50)]))
            for number, store in enumerate([self.store, other] * 4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        paths = [f"{number}/{row}" for number in range(len(threads)) for row in range(50)]
        self.assertEqual(len(self.store.last(NAS, paths)), len(paths))
        self.assertEqual((self.store.take_notices(), other.take_notices()), ([], []))

    def test_in_memory(self) -> None:
        """A store without a file remembers as long as it lives."""
        store = SeenStore(None)
        store.record(NAS, [("a", ONE)])
        self.assertEqual(store.last(NAS, ["a"]), {"a": ONE})


class FolderTests(StoreCase):
    """Folders whose files were all seen: nothing is written twice, and nothing is missed."""

    ROWS = (("d/a", ONE), ("d/b", ONE), ("d/é/c", OTHER))

    def record(self, scope: SeenScope = NAS) -> list[str]:
        """Record the folders; gives the paths that were written."""
        before, folders = self.changes(), {"d": ONE, "d/é": OTHER}
        wanted = self.store.unrecorded(scope, folders)
        rows = (row for row in self.ROWS if row[0].rpartition("/")[0] in wanted)
        self.store.record_folders(scope, folders, rows)
        self.assertEqual(self.store.last(scope, [path for path, _ in self.ROWS]), dict(self.ROWS))
        return sorted(set(self.changes()) - set(before))

    def changes(self) -> list[str]:
        """The paths that were seen today: each test begins another day, so that a row that is written shows."""
        with closing(sqlite3.connect(self.path)) as database:
            return [path for (path,) in database.execute("SELECT path FROM seen WHERE day = ?", [self.now // DAY])]

    def next_time(self) -> list[str]:
        """What is written when the folders are the same again, so much later that what is written gets the day."""
        self.now += 40 * DAY
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("UPDATE folders SET day = ?", [self.now // DAY])  # it was recorded lately
        return self.record()

    def test_once(self) -> None:
        """What was written is not written again; by another account it is."""
        self.assertEqual(self.record(), ["d/a", "d/b", "d/é/c"])
        self.assertEqual(self.next_time(), [])
        self.assertEqual(self.record(NAS._replace(account="bob")), ["d/a", "d/b", "d/é/c"])

    def test_another_content(self) -> None:
        """A file that was seen with another content meanwhile is written again, and the folders beside it are not."""
        self.record()
        self.store.record(NAS, [("d/b", OTHER)])
        self.assertEqual(self.next_time(), ["d/a", "d/b"])
        self.assertEqual(self.seen("d/b"), ONE)
        self.store.record(NAS, [("d/é/c", ONE)])
        self.assertEqual(self.next_time(), ["d/a", "d/b", "d/é/c"])
        self.assertEqual(self.next_time(), [])

    def test_another_digest(self) -> None:
        """A folder with another content is written."""
        self.record()
        self.store.record_folders(NAS, {"d": OTHER}, [("d/a", OTHER)])
        self.assertEqual(self.seen("d/a"), OTHER)

    def test_moved(self) -> None:
        """After a move all is written again."""
        self.record()
        self.store.moved(NAS, "d", "e")
        self.assertEqual(self.next_time(), ["d/a", "d/b", "d/é/c"])

    def test_refreshed(self) -> None:
        """After a month the rows get the new day: the oldest ones go first."""
        self.record()
        self.now += 40 * DAY
        self.assertEqual(self.record(), ["d/a", "d/b", "d/é/c"])

    def test_too_large(self) -> None:
        """Rows that were removed from a database that is too large are written again."""
        for most, left in ((2**20, 2), (1, 0)):
            self.record()
            self.store.close()
            self.store = self.open(most_bytes=most)
            self.store.record(NAS, [("other", ONE)])
            with closing(sqlite3.connect(self.path)) as database:
                self.assertEqual(database.execute("SELECT count(*) FROM folders").fetchone(), (left,))

    def test_forgotten(self) -> None:
        """A server that is forgotten is written anew."""
        self.record()
        self.store.forget(NAS.server)
        self.assertEqual(self.record(), ["d/a", "d/b", "d/é/c"])


class LossTests(StoreCase):
    """What is lost was not seen, and people are told."""

    def test_damaged(self) -> None:
        """A damaged database is kept beside the new one, is said once, and counts for nothing."""
        self.store.record(NAS, [("a", ONE)])
        self.assertEqual(self.store.take_notices(), [], "the control")
        self.store.close()
        with open(self.path, "r+b") as file:
            file.write(b"\0" * 4096)
        self.store = self.open()
        self.assertIsNone(self.seen("a"))
        (notice,) = self.store.take_notices()
        self.assertIn(f"{self.path}.damaged", notice)
        self.assertEqual(self.store.take_notices(), [])
        self.assertTrue(os.path.exists(f"{self.path}.damaged"))
        self.store.record(NAS, [("a", OTHER)])
        self.assertEqual(self.seen("a"), OTHER)

    def test_locked(self) -> None:
        """What another process keeps from being written is said, and was not seen."""
        self.store.close()
        self.store = self.open(busy_seconds=0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.store.record(NAS, [("a", ONE)])
        other.execute("ROLLBACK")
        self.assertIsNone(self.seen("a"))
        self.assertIn("could not be written", *self.store.take_notices())

    def test_no_folder(self) -> None:
        """Where no file can be made nothing was seen."""
        self.path = "/proc/none/seen.sqlite"
        self.store = self.open()
        self.store.record(NAS, [("a", ONE)])
        self.assertIsNone(self.seen("a"))
        self.assertEqual(len(self.store.take_notices()), 1)


class SizeTests(StoreCase):
    """The table is bounded, and costs nothing where nothing changes."""

    def rows(self) -> list[tuple[str, int]]:
        """All paths and days."""
        with sqlite3.connect(self.path) as connection:
            found = connection.execute("SELECT path, day FROM seen ORDER BY path").fetchall()
        connection.close()
        return found

    def test_refreshed(self) -> None:
        """A row that is seen again is written again only after a month."""
        self.store.record(NAS, [("a", ONE)])
        for days, expected in ((1, 0), (29, 0), (2, 32)):
            self.now += days * DAY
            self.store.record(NAS, [("a", ONE)])
            self.assertEqual(self.rows(), [("a", 20_000 + expected)])

    def test_pruned(self) -> None:
        """Of a database that is too large the oldest rows go; the control has room."""
        for most, left in ((None, MANY), (1, MANY * 3 // 4)):
            self.store.close()
            self.store = self.open(**({} if most is None else {"most_bytes": most}))
            for number in range(MANY // 500):
                self.now += DAY
                rows = [(f"{number}/{row:03}", ONE) for row in range(500)]
                self.store.record(NAS, rows) if most is None else None
            if most is not None:
                self.store.record(NAS, [("0/000", ONE)])
            self.assertEqual(len(self.rows()), left)
        self.assertEqual({path[0] for path, _ in self.rows()}, {"0", "1", "2"})
        self.assertEqual(sum(path.startswith("0/") for path, _ in self.rows()), 500 - MANY // 4)
        before = os.path.getsize(self.path)
        self.store.record(NAS, [("new", ONE)])
        self.assertEqual(self.seen("new"), ONE)
        self.assertLessEqual(before, os.path.getsize(self.path))
