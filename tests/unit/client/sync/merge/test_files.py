"""Syncs that merge what both sides have changed."""

from __future__ import annotations

import os
import stat
from typing import Any
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.sync.merge.texts import MOST_BYTES
from homeftp.client.sync.model import Act
from tests.support.syncs import DISPATCHERS, Laptop, SyncCase, versions_in

BASE = b"one\ntwo\nthree\nfour\nfive\n"
ANNS = BASE.replace(b"one", b"ann's")
BOBS = BASE.replace(b"five", b"bob's")
MERGED = ANNS.replace(b"five", b"bob's")
COPY = "a (conflict from ann-laptop 2026-05-01).txt"


class MergeCase(SyncCase):
    """Two laptops that agreed on a text with a server that keeps versions."""

    def setUp(self) -> None:
        super().setUp()
        self.ann.put("a.txt", BASE)
        self.sync(self.ann)
        self.sync(self.bob)

    def edit(self, anns: bytes = ANNS, bobs: bytes = BOBS) -> None:
        """Both edit the text, and bob syncs first."""
        self.ann.put("a.txt", anns, mtime=1_700_000_100)
        self.bob.put("a.txt", bobs, mtime=1_700_000_200)
        self.sync(self.bob)

    def acts(self, **request: Any) -> list[Act]:
        """The steps of the plan of a sync of ann's with --merge."""
        return [action.act for action in self.sync(self.ann, merge=True, **request).plan.actions]


class MergeTests(MergeCase):
    """Both have edited the text."""

    def test_merged(self) -> None:
        """Both sides get both edits, the plan says so, and what either had is kept."""
        self.edit()
        self.assertEqual(self.acts(dry_run=True), [Act.MERGE])
        self.assertEqual((self.ann.contents()["a.txt"], self.there()["a.txt"]), (ANNS, BOBS))
        self.assertEqual(self.acts(), [Act.MERGE])
        self.assertEqual(self.outcomes(), {"a.txt": Outcome.MERGED})
        self.assertEqual(versions_in(self.ann.path), {"a.txt": ANNS})
        self.assertEqual(self.there(), {"a.txt": MERGED})
        self.sync(self.bob)
        self.assert_in_step(self.ann, self.bob)

    def test_not_asked(self) -> None:
        """The control: without the option it is a conflict."""
        self.edit()
        self.sync(self.ann)
        self.assertEqual(self.there(), {"a.txt": BOBS, COPY: ANNS})

    def assert_mode(self, laptop: Laptop, mode: int) -> None:
        """The merged file has the mode that one of the laptops gave it."""
        self.edit()
        os.chmod(os.path.join(laptop.path, "a.txt"), mode)
        self.sync(self.bob)
        self.acts()
        for folder in (self.ann.path, os.path.join(self.server.root, "Docs")):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, "a.txt")).st_mode), mode)

    def test_mode_here(self) -> None:
        """The merged file has the mode of this side where this side changed it."""
        self.assert_mode(self.ann, 0o600)

    def test_mode_there(self) -> None:
        """It has the mode of the other side where only that one changed it."""
        self.assert_mode(self.bob, 0o640)

    def test_same_lines(self) -> None:
        """Edits of the same lines stay a conflict, and so does a file that both have created."""
        self.edit(bobs=BASE.replace(b"one", b"bob's"))
        self.ann.put("new", b"ann's\n")
        self.make_remote_file("Docs/new", b"bob's\n")
        self.assertEqual(self.acts(), [Act.KEEP_BOTH, Act.KEEP_BOTH, *[Act.COPY] * 4])
        self.assertEqual(self.there()[COPY], ANNS)

    def test_preference(self) -> None:
        """A preference decides about what cannot be merged."""
        self.edit()
        self.ann.put("new", b"ann's\n")
        self.make_remote_file("Docs/new", b"bob's\n")
        self.assertEqual(self.acts(prefer="there"), [Act.COPY, Act.MERGE])
        self.assertEqual(self.ann.contents(), {"a.txt": MERGED, "new": b"bob's\n"})

    def test_large(self) -> None:
        """A text of more than 1 MiB is not merged, whichever of the three it is."""
        self.edit(BASE + b"x" * MOST_BYTES)
        self.assertIn(Act.KEEP_BOTH, self.acts(dry_run=True))
        self.edit(bobs=BASE + b"x" * MOST_BYTES)
        self.assertIn(Act.KEEP_BOTH, self.acts(dry_run=True))

    def test_no_version(self) -> None:
        """Without a version of what was agreed on it is a conflict."""
        self.edit()
        self.run_work(self.prune())
        self.assertIn(Act.KEEP_BOTH, self.acts(dry_run=True))

    async def prune(self) -> None:
        async for _ in self.client.prune("Docs/a.txt"):
            pass

    def test_older_version(self) -> None:
        """What was agreed on is found among other versions, also of the same size."""
        self.bob.put("a.txt", BASE.replace(b"two", b"TWO"), mtime=1_700_000_150)
        self.sync(self.bob)
        self.edit()
        self.acts()
        self.assertEqual(self.there(), {"a.txt": MERGED})

    def test_changed_there(self) -> None:
        """Where the server's file changes between plan and merge, nothing is replaced, and the next sync goes on."""

        async def change(plan: object) -> bool:
            self.make_remote_file("Docs/a.txt", BOBS + b"six\n")
            return True

        self.edit()
        self.acts(confirm=change)
        self.assertEqual(self.outcomes(), {"a.txt": Outcome.FAILED})
        self.assertEqual((self.ann.contents(), self.there()), ({"a.txt": ANNS}, {"a.txt": BOBS + b"six\n"}))
        self.acts()
        self.assertEqual(self.there(), {"a.txt": MERGED + b"six\n"})
        self.assert_in_step()

    def test_changed_here(self) -> None:
        """The same for a change here."""

        async def change(plan: object) -> bool:
            self.ann.put("a.txt", b"zero\n" + ANNS, mtime=1_700_000_300)
            return True

        self.edit()
        self.acts(confirm=change)
        self.assertEqual(self.outcomes(), {"a.txt": Outcome.FAILED})
        self.assertEqual(self.ann.contents(), {"a.txt": b"zero\n" + ANNS})
        self.acts()
        self.assertEqual(self.ann.contents(), {"a.txt": b"zero\n" + MERGED})

    def test_half_done(self) -> None:
        """After a merge that reached only the server, the next sync takes it over; no edit is lost or doubled."""
        self.edit()
        with mock.patch("homeftp.client.files.write.DownloadTarget.write_many", lambda *_: [OSError(28, "disk full")]):
            self.acts()
        self.assertEqual(self.outcomes(), {"a.txt": Outcome.FAILED})
        self.assertIn("not merged: disk full", self.results[0].reason)
        self.assertEqual((self.ann.contents()["a.txt"], self.there()["a.txt"]), (ANNS, MERGED))
        self.acts()
        self.assertEqual(self.ann.contents(), {"a.txt": MERGED})
        self.assert_in_step()

    def test_renamed(self) -> None:
        """A file that was renamed as well is kept twice."""
        self.edit()
        self.ann.rename("a.txt", "b.txt")
        self.acts()
        self.assertEqual(set(self.there().values()), {ANNS, BOBS})


class VersionlessTests(MergeCase):
    """A server that has no requests for versions."""

    extra = tuple(each for each in DISPATCHERS if each.request_type not in ("VERSIONS", "PRUNE"))

    def test_conflict(self) -> None:
        """Nothing is merged."""
        self.edit()
        self.assertIn(Act.KEEP_BOTH, self.acts())
        self.assertEqual(self.there(), {"a.txt": BOBS, COPY: ANNS})
