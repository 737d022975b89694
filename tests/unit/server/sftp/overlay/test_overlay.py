"""The overlay: a session sees its own drafts, everyone else what was committed."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from homeftp.config import SMALL_FILE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Forbidden, NotFound
from homeftp.interfaces.store import StoreOptions
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.store.memory import MemoryStore
from tests.support.overlaycase import APPEND, LARGE, NEW, C, OverlayCase, R, W


class DraftOverlayTests(OverlayCase):
    """What is written, and who sees it when."""

    def test_new(self) -> None:
        """A new file shows to its session at once, and to everyone when it is closed; it is made once."""
        for name, content in (("small", b"abc"), ("large", LARGE)):
            self.changes.clear()
            opened = self.open(name, NEW, permissions=0o100600)
            self.assertEqual(self.stat(name).size, 0)
            self.assertIsNone(self.write(opened, 0, content))
            self.assertEqual((self.stat(name).size, self.stat(name).mode), (len(content), 0o600))
            self.assertEqual(self.read(opened, 0, len(content)), content)
            self.absent(name, self.others)
            self.assertEqual([each.name for each in self.overlay.changed_in(ROOT)], [name])
            self.close(opened, NEW)
            self.assertEqual(self.stat(name, self.others).mode, 0o600)
            self.assertEqual((self.content(name), [change.what for change in self.changes]), (content, ["add"]))
            self.assertEqual(list(self.overlay.changed_in(ROOT)), [])

    def test_replaced(self) -> None:
        """What replaces a file keeps its mode; the old content stays until then, and becomes one version."""
        self.lay({"a": b"old content"})
        opened = self.open("a", NEW, permissions=0o600)
        self.write(opened, 0, b"new")
        self.assertEqual((self.content("a"), self.stat("a").size), (b"old content", 3))
        self.close(opened, NEW)
        self.assertEqual((self.content("a"), [change.what for change in self.changes]), (b"new", ["replace"]))
        self.assertEqual(self.stat("a").mode, 0o644)

    def test_looks(self) -> None:
        """To open a file that is there takes one job: its directory is looked up only where it is not."""
        self.lay({"d/a": b"old"})
        opening = Deferred.fromCoroutine(self.overlay.open(parse("d/a"), NEW, Attributes()))
        jobs = 0
        while self.workers.jobs:
            jobs += self.workers.work()
        self.successResultOf(opening)
        self.assertEqual(jobs, 1)

    def test_empty(self) -> None:
        """A file that is made and closed without a write is empty, and one that is only truncated too."""
        self.lay({"a": b"old"})
        for name in ("a", "new"):
            self.close(self.open(name, NEW), NEW)
            self.assertEqual(self.content(name), b"")

    def test_unchanged(self) -> None:
        """A file that is opened for writing and not written is left alone."""
        self.lay({"a": b"old"})
        self.close(self.open("a", R | W | C), R | W | C)
        self.assertEqual((self.content("a"), self.changes), (b"old", []))

    def test_in_place(self) -> None:
        """Bytes in the middle are replaced, appended and cut; a gap reads as zeros."""
        self.lay({"a": b"0123456789"})
        opened = self.open("a", R | W)
        self.write(opened, 3, b"xyz")
        self.write(opened, 12, b"!")
        self.assertEqual(self.read(opened), b"012xyz6789\0\0!")
        self.result_of(opened.truncate(5))
        self.result_of(opened.truncate(6))
        self.assertEqual((self.read(opened), self.content("a")), (b"012xy\0", b"0123456789"))
        self.close(opened, R | W)
        self.assertEqual(self.content("a"), b"012xy\0")

    def test_small_and_large(self) -> None:
        """A new file may grow beyond what is kept in memory, be cut to nothing, and grow again."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"abc")
        self.write(opened, SMALL_FILE, b"def")
        self.assertEqual(self.read(opened, SMALL_FILE - 2, 9), b"\0\0def")
        self.result_of(opened.truncate(0))
        self.write(opened, 2, b"x")
        self.result_of(opened.truncate(SMALL_FILE + 5))
        self.result_of(opened.truncate(4))
        self.close(opened, NEW)
        self.assertEqual(self.content("a"), b"\0\0x\0")

    def test_append(self) -> None:
        """A write without an offset goes to the end, wherever that is by then."""
        self.lay({"a": b"one"})
        opened = self.open("a", APPEND)
        done: list[Any] = []
        for data in (b" two", b" three"):
            opened.write(None, data, done.append)
        self.workers.work_all()
        self.assertEqual((done, self.read(opened)), ([None, None], b"one two three"))

    def test_joined(self) -> None:
        """Writes that follow one another are one change of the draft, each with an answer of its own."""
        opened = self.open("a", NEW)
        self.write(opened, 0, LARGE)
        done: list[Any] = []
        for number in range(20):
            opened.write(len(LARGE) + 3 * number, b"abc", done.append)
        opened.write(1, b"-", done.append)
        jobs = 0
        while self.workers.jobs:
            jobs += self.workers.work()
        self.assertEqual((done, jobs), ([None] * 21, 3), "the first one, those that waited for it, and the last one")
        self.close(opened, NEW)
        self.assertEqual(self.content("a"), b"0-" + LARGE[2:] + 20 * b"abc")

    def test_shared(self) -> None:
        """All handles of a session on a path have one draft, which is committed when the last writer is closed."""
        self.lay({"a": b"old"})
        reader = self.open("a", R)
        self.assertEqual(self.read(reader), b"old")
        first, second = self.open("a", W), self.open("a", R | W)
        self.assertIs(first, second)
        self.write(first, 0, b"O")
        self.assertEqual(self.read(reader), b"Old")
        self.close(first, W)
        self.assertEqual(self.content("a"), b"old")
        self.write(second, 3, b"!")
        self.close(second, R | W)
        self.assertEqual((self.content("a"), self.read(reader)), (b"Old!", b"Old!"))
        self.close(reader, R)

    def test_opened_right_after(self) -> None:
        """A file that was opened anew before it was closed is not truncated by that, and keeps what was written."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"first")
        again = self.open("a", W)
        self.close(opened, NEW)
        self.write(again, 5, b" second")
        self.close(again, W)
        self.assertEqual((self.content("a"), len(self.changes)), (b"first second", 1))

    def test_metadata(self) -> None:
        """Time and mode that are given before the close are part of the same version; those after it of the file."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"content")
        self.result_of(self.overlay.set_attributes(parse("a"), Attributes(mtime=1_600_000_000, permissions=0o600)))
        self.assertEqual((self.stat("a").mtime_us, self.stat("a").mode), (1_600_000_000_000_000, 0o600))
        self.close(opened, NEW)
        self.assertEqual([change.what for change in self.changes], ["add"])
        self.assertEqual((self.stat("a").mtime_us, self.stat("a").mode), (1_600_000_000_000_000, 0o600))
        self.result_of(self.overlay.set_attributes(parse("a"), Attributes(mtime=1_500_000_000)))
        self.assertEqual(self.stat("a").mtime_us, 1_500_000_000_000_000)
        self.assertEqual([change.what for change in self.changes], ["add", "metadata"])

    def test_size(self) -> None:
        """A size that is set without a handle cuts the file, as a version of its own."""
        self.lay({"a": b"0123456789"})
        self.result_of(self.overlay.set_attributes(parse("a"), Attributes(size=4, mtime=1_600_000_000)))
        self.assertEqual((self.content("a"), self.stat("a").mtime_us), (b"0123", 1_600_000_000_000_000))
        self.error_of(NotFound, self.overlay.set_attributes(parse("none"), Attributes(size=4)))

    def test_fsync(self) -> None:
        """What was synchronized is there for everyone, and later writes are in a draft again."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"one")
        self.result_of(opened.commit())
        self.assertEqual(self.content("a"), b"one")
        self.write(opened, 3, b"two")
        self.assertEqual((self.content("a"), self.read(opened)), (b"one", b"onetwo"))
        self.close(opened, NEW)
        self.assertEqual((self.content("a"), [change.what for change in self.changes]), (b"onetwo", ["add", "replace"]))

    def test_aborted(self) -> None:
        """Where the session ends without a close, nothing of its drafts is left."""
        self.lay({"a": b"old"})
        for name, content in (("a", b"new"), ("b", b"new"), ("c", LARGE)):
            self.write(self.open(name, W | C), 0, content)
        removed = self.open("d", NEW)
        self.result_of(self.overlay.remove(parse("d")))
        self.result_of(self.overlay.abort())
        self.assertEqual(
            (self.content("a"), self.content("b"), self.content("c"), self.changes), (b"old", None, None, [])
        )
        self.assertIsInstance(self.write(removed, 0, b"x"), NotFound)

    def test_failed(self) -> None:
        """After a write that failed the close fails with the same reason, and the old content stays."""
        self.store = MemoryStore(StoreOptions(record_changes=self.changes.extend, file_size=2 * len(LARGE)))
        self.files = self.factory.files(self.store, login=self.login)
        self.lay({"a": b"old"})
        opened = self.open("a", NEW)
        self.assertIsNone(self.write(opened, 0, LARGE))
        self.assertIsNotNone(self.write(opened, 3 * len(LARGE), b"x"))
        self.assertIsNotNone(self.write(opened, len(LARGE), b"x"), "though it would fit")
        closing = self.overlay.close(opened, NEW)
        self.assertIn("too large", self.error_of(Exception, closing).message)
        self.assertEqual((self.content("a"), self.changes), (b"old", []))
        self.put("a", b"new")
        self.assertEqual(self.content("a"), b"new")

    def test_revoked(self) -> None:
        """Nothing is written once access is revoked."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"content")
        self.login.in_database = False
        self.error_of(Forbidden, self.overlay.close(opened, NEW))
        self.assertIsNone(self.content("a"))
