"""An open file: what it does in turn, and what ends it. More is in test_overlay.py."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from homeftp.errors import NotFound
from homeftp.server.sftp.wire.numbers import OpenFlag
from tests.support.overlaycase import NEW, OverlayCase


class OpenFileTests(OverlayCase):
    """One file."""

    def test_in_turn(self) -> None:
        """What is asked without waiting is done in order: a read behind a write has what was written."""
        opened = self.open("a", NEW | OpenFlag.READ)
        found: list[Any] = []
        opened.write(0, b"one", found.append)
        opened.read(0, 9, found.append)
        stat = Deferred.fromCoroutine(opened.stat())
        opened.write(None, b"two", found.append)
        commit = Deferred.fromCoroutine(opened.commit())
        opened.read(0, 9, found.append)
        self.workers.work_all()
        entry = self.successResultOf(stat)
        self.assertEqual((found, entry and entry.size), ([None, b"one", None, b"onetwo"], 3))
        self.successResultOf(commit)
        self.assertEqual(self.content("a"), b"onetwo")

    def test_aborted(self) -> None:
        """What is asked of a file whose session has ended fails, and nothing is written."""
        self.lay({"a": b"old"})
        opened = self.open("a", OpenFlag.WRITE | OpenFlag.READ)
        self.result_of(opened.abort())
        found: list[Any] = []
        opened.write(0, b"new", found.append)
        opened.read(0, 3, found.append)
        truncated = Deferred.fromCoroutine(opened.truncate(0))
        released = Deferred.fromCoroutine(opened.release(writer=True))
        self.workers.work_all()
        self.assertEqual([type(each) for each in found], [NotFound, NotFound])
        self.failureResultOf(truncated, NotFound)
        self.successResultOf(released)
        self.assertEqual((self.content("a"), self.changes), (b"old", []))

    def test_shown(self) -> None:
        """What only its session sees has a time and a mode before it has a commit."""
        opened = self.open("a", NEW)
        shown = opened.pending_entry("name")
        assert shown is not None
        self.assertEqual((shown.name, shown.size, shown.mode), ("name", 0, 0o644))
        self.assertGreater(shown.mtime_us or 0, 1_600_000_000_000_000)
        self.close(opened, NEW)
        self.assertIsNone(opened.pending_entry("name"))
