"""A server is killed at each step of a change: each path has its old or its new content, and nothing stays behind."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Callable, Sequence
from unittest import mock

from homeftp.cluster.objects import Bucket
from homeftp.config import HOUR, MIB
from homeftp.endpoint import parse
from homeftp.errors import Damaged, Refusal
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.upkeep import garbage
from homeftp.store.cluster.writes import packs
from tests.support.clustercase import ClusterCase, request
from tests.support.killing import Killed, killing

GRACE = 2 * HOUR

Act = Callable[[ClusterStore], object]

MOST = 100
"""Calls of the engines in one change, at most."""


def write(store: ClusterStore) -> object:
    """Write several files together, one of them over another one."""
    return store.write_many([(request(path, size=3), b"new") for path in ("d/a.txt", "d/new.txt", "n/new.txt")])


def upload(store: ClusterStore) -> object:
    """Write a file of several parts."""
    whole = store.upload(request("d/a.txt", size=2 * MIB + 3))
    whole.write(bytes(2 * MIB))
    whole.write(b"end")
    return whole.commit()


def move(store: ClusterStore) -> object:
    """Move a directory."""
    return store.move(parse("d"), parse("n/e"), None, None)


def move_file(store: ClusterStore) -> object:
    """Move a file over another one."""
    return store.move(parse("d/a.txt"), parse("d/b.txt"), None, None)


def remove(store: ClusterStore) -> object:
    """Remove a directory with all that is in it."""
    return list(store.remove(parse("d"), None, True))


def restore(store: ClusterStore) -> object:
    """Put back what was replaced."""
    return store.restore(parse("d/b.txt"), None, None)


class KillTests(ClusterCase):
    """One change after the other."""

    cluster_options = {"grace_seconds": GRACE, "part_bytes": MIB, "connections": 2}  # noqa: RUF012 (read only)

    def lay(self) -> None:
        """What is there before."""
        for content in (b"first", b"second"):
            self.write("d/a.txt", "d/b.txt", "d/e/c.txt", content=content)

    def tree(self) -> dict[str, bytes]:
        """All files."""
        entries = [entry for page in self.store.list(parse(""), True) for entry in page.entries]
        return {entry.name: self.content(entry.name) for entry in entries if entry.kind == "file"}

    def clear(self) -> None:
        """Have nothing in the store."""
        for name in ("d", "n"):
            with contextlib.suppress(Refusal):
                list(self.store.remove(parse(name), None, True))
        self.cluster.execute(
            "WITH gone AS (DELETE FROM version WHERE share = (SELECT id FROM share WHERE name = %s) RETURNING content),"
            " lost AS (DELETE FROM part WHERE content IN (SELECT content FROM gone) RETURNING object)"
            " INSERT INTO garbage SELECT DISTINCT object, 0 FROM lost ON CONFLICT DO NOTHING",
            self.cluster.cluster.share,
        )

    def contents(self, act: Act | None) -> dict[str, bytes]:
        """What there is before an act, or after it."""
        self.clear()
        self.lay()
        if act is not None:
            act(self.store)
        return self.tree()

    def check(self, act: Act) -> None:
        """Kill a server at each step of it."""
        before, after = self.contents(None), self.contents(act)
        self.assertNotEqual(before, after)
        seen: list[dict[str, bytes]] = []
        other = self.server()
        for number in range(1, MOST):
            self.clear()
            self.lay()
            with killing(number) as killer, contextlib.suppress(Killed):
                act(ClusterStore(other))
            found = self.tree()
            self.assertIn(found, (before, after), f"killed at call {number}")
            seen.append(found)
            self.finish()
            if killer.calls < number:
                break
        self.assertIn(before, seen)
        self.assertIn(after, seen)
        self.assertLess(number, MOST - 1, "the control: it was not killed any more in the end")

    def finish(self) -> None:
        """Another server does what is left to do, and nothing is left."""
        self.assert_sound()
        self.store.maintain()
        self.assertEqual(self.cluster.execute("SELECT count(*) FROM removed"), [(0,)])
        self.cluster.execute("UPDATE upload SET at_us = 0")
        self.store.maintain()
        garbage.find_orphans(self.context)
        self.later(GRACE + 1)
        garbage.collect(self.context)
        self.assert_sound()
        named = {name for (name,) in self.cluster.execute("SELECT object FROM part")}
        self.assertLessEqual(self.objects(), named, "no object is left that no file names")

    def test_write(self) -> None:
        """Files that are written together."""
        self.check(partial(self._write_one, "d/a.txt"))

    def _write_one(self, path: str, store: ClusterStore) -> object:
        return store.write_many([(request(path, size=3), b"new")])

    def test_batch(self) -> None:
        """Several files in one transaction: here all of them at once."""
        self.check(write)

    def test_upload(self) -> None:
        """A file of several parts."""
        self.check(upload)

    def test_move(self) -> None:
        """A directory that is moved."""
        self.check(move)

    def test_move_file(self) -> None:
        """A file that takes the place of another one."""
        self.check(move_file)

    def test_remove(self) -> None:
        """A directory that is removed with all that is in it: all of it or nothing."""
        self.check(remove)

    def test_restore(self) -> None:
        """A version that is put back."""
        self.check(restore)

    def test_collect(self) -> None:
        """A collector that is killed at each step takes nothing that is named, and leaves nothing."""
        other = self.server()
        for number in range(1, MOST):
            self.clear()
            self.lay()
            self.cluster.bucket.put(self.cluster.bucket.new_name(), b"orphan")
            garbage.find_orphans(self.context)
            self.later(GRACE + 1)
            with killing(number) as killer, contextlib.suppress(Killed):
                garbage.collect(other)
            self.assertEqual(self.tree(), dict.fromkeys(("d/a.txt", "d/b.txt", "d/e/c.txt"), b"second"))
            self.finish()
            if killer.calls < number:
                break
        self.assertLess(number, MOST - 1)

    def test_name_first(self) -> None:
        """The control: a store that names a content before its bytes are in the bucket is noticed."""
        whole, put = packs.store, self.cluster.bucket.put
        late: list[tuple[str, bytes]] = []

        def named_first(context: ClusterContext, pieces: Sequence[bytes]) -> packs.StoredContents:
            with mock.patch.object(Bucket, "put", lambda bucket, name, content: late.append((name, bytes(content)))):
                return whole(context, pieces)

        def write_late(store: ClusterStore) -> None:
            with mock.patch.object(packs, "store", named_first):
                write(store)
            while late:
                store.stat(parse("d"))  # a step at which the server may be killed
                put(*late.pop())

        self.assertRaises(Damaged, self.check, write_late)
