"""The overlay: a session sees its own drafts, everyone else what was committed."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from homeftp.config import MIB, SMALL_FILE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint, Changed, Forbidden, NotFound, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IFileDraft, IFiles
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Entry, WriteRequest
from homeftp.server.sftp.overlay.exclusive import ExclusiveNames
from homeftp.server.sftp.overlay.openfile import OpenFile
from homeftp.server.sftp.overlay.overlay import Overlay
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import OpenFlag
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from tests.support.filestores import FilesTestCase
from tests.support.immediatestore import COLD, ImmediateMemoryStore

R, W, APPEND, C, T, X = (
    OpenFlag.READ,
    OpenFlag.WRITE,
    OpenFlag.APPEND,
    OpenFlag.CREATE,
    OpenFlag.TRUNCATE,
    OpenFlag.EXCLUSIVE,
)
NEW = W | C | T
LARGE = b"0123456789abcdef" * (SMALL_FILE // 8)
"""More than is kept in memory."""


class OverlayCase(FilesTestCase):
    """One session over a store in memory; another one for what everyone else sees."""

    def setUp(self) -> None:
        super().setUp()
        self.overlay = self.make()
        self.others = self.make()

    def make(self) -> Overlay:
        """A session."""
        return Overlay(self.files_of, self.budget)

    def local(self, **options: Any) -> LocalStore:
        """A store in a folder."""
        root, cache = self.mktemp(), HashCache(None)
        os.mkdir(root)
        store = LocalStore(root, cache, StoreOptions(**options))
        self.addCleanup(cache.close)
        self.addCleanup(store.close)
        return store

    def serve(self, store: Any) -> None:
        """Another store, and a session over it."""
        self.store = store
        self.files = self.factory.files(store, login=self.login)
        self.overlay = self.make()

    def files_of(self, request: str) -> IFiles:
        """The files of the login."""
        return self.files

    def open(self, name: str, flags: int, overlay: Overlay | None = None, **attributes: Any) -> OpenFile:
        """Open a file."""
        return self.result_of((overlay or self.overlay).open(parse(name), flags, Attributes(**attributes)))

    def close(self, opened: OpenFile, flags: int, overlay: Overlay | None = None) -> None:
        """Close it."""
        self.result_of((overlay or self.overlay).close(opened, flags))

    def write(self, opened: OpenFile, offset: int | None, data: bytes) -> Exception | None:
        """Write a part; what went wrong."""
        results: list[Exception | None] = []
        opened.write(offset, data, results.append)
        self.workers.work_all()
        (result,) = results
        return result

    def read(self, opened: OpenFile, offset: int = 0, length: int = MIB) -> bytes:
        """Read a part."""
        results: list[Any] = []
        opened.read(offset, length, results.append)
        self.workers.work_all()
        (result,) = results
        if isinstance(result, Exception):
            raise result
        return bytes(result)

    def stat(self, name: str, overlay: Overlay | None = None) -> Entry:
        """What a session sees."""
        return self.result_of((overlay or self.overlay).stat(parse(name)))

    def absent(self, name: str, overlay: Overlay | None = None) -> None:
        """A session sees nothing there."""
        self.error_of(NotFound, (overlay or self.overlay).stat(parse(name)))

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        opened = self.open(name, NEW)
        self.assertIsNone(self.write(opened, 0, content))
        self.close(opened, NEW)


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


class NameTests(OverlayCase):
    """Opening, removing and renaming."""

    def test_open_refused(self) -> None:
        """Files that do not exist, that exist although they must not, and directories."""
        self.lay({"d/a": b"old"})
        for name, flags, kind in (
            ("none", R, NotFound),
            ("none", W, NotFound),
            ("none/new", NEW, NotFound),
            ("d/a/new", NEW, NotFound),
            ("d/a", NEW | X, Changed),
            ("d", R, WrongKind),
            ("d", NEW, WrongKind),
        ):
            self.error_of(kind, self.overlay.open(parse(name), flags, Attributes()))
        self.error_of(WrongKind, self.overlay.open(ROOT, NEW, Attributes()))
        self.close(self.open("d/new", NEW | X), NEW)
        self.assertEqual(self.content("d/new"), b"", "the control")

    def test_exclusive(self) -> None:
        """A file that must be new is refused at its commit if another one got the name meanwhile."""
        first, second = self.open("lock", NEW | X), self.open("lock", NEW | X, self.others)
        self.error_of(Changed, self.overlay.open(parse("lock"), NEW | X, Attributes()))
        self.write(first, 0, b"1")
        self.close(first, NEW | X)
        self.write(second, 0, b"2")
        self.error_of(Changed, self.others.close(second, NEW | X))
        self.assertEqual(self.content("lock"), b"1")

    def test_exclusive_sessions(self) -> None:
        """Sessions of one server learn at once that another one makes the file; it is free when that is discarded."""
        names = ExclusiveNames()
        one, other = (Overlay(self.files_of, self.budget, exclusive=names) for _ in range(2))
        for end in ("close", "remove", "abort"):
            opened = self.open(end, NEW | X, one)
            self.error_of(Changed, other.open(parse(end), NEW | X, Attributes()))
            if end == "close":
                self.close(opened, NEW | X, one)
                self.error_of(Changed, other.open(parse(end), NEW | X, Attributes()))
            else:
                self.result_of(one.remove(parse(end)) if end == "remove" else one.abort())
                self.close(self.open(end, NEW | X, other), NEW | X, other)
            self.assertEqual(len(names), 0)

    def test_refreshed(self) -> None:
        """A file that is open and that others replace is read anew once it is opened again."""
        self.lay({"a": b"old"})
        reader = self.open("a", R)
        self.assertEqual(self.read(reader), b"old")
        self.lay({"a": b"newer"})
        self.assertEqual(self.read(reader), b"old", "the control")
        self.assertEqual(self.read(self.open("a", R)), b"newer")
        self.result_of(self.others.remove(parse("a")))
        self.error_of(NotFound, self.overlay.open(parse("a"), R, Attributes()))

    def test_removed(self) -> None:
        """A file that is removed while it is open still works for its handles, and does not come back."""
        self.lay({"a": b"old"})
        opened = self.open("a", R | W)
        self.write(opened, 0, b"O")
        self.result_of(self.overlay.remove(parse("a")))
        self.assertIsNone(self.content("a"))
        self.absent("a")
        self.assertEqual(self.read(opened), b"Old")
        again = self.open("a", NEW)
        self.write(again, 0, b"again")
        self.close(opened, R | W)
        self.assertIsNone(self.content("a"))
        self.close(again, NEW)
        self.assertEqual(self.content("a"), b"again")

    def test_removed_draft(self) -> None:
        """A file that was never committed can be removed."""
        opened = self.open("a", NEW)
        self.result_of(self.overlay.remove(parse("a")))
        self.close(opened, NEW)
        self.assertEqual((self.content("a"), self.changes), (None, []))
        self.error_of(NotFound, self.overlay.remove(parse("a")))

    def test_directories(self) -> None:
        """A directory is made in one that exists, once, and removed when it is empty, as its session sees it."""
        make, remove = self.overlay.make_directory, self.overlay.remove_directory
        self.result_of(make(parse("d"), Attributes(permissions=0o700)))
        self.assertEqual(self.stat("d").mode, 0o700)
        for name, kind in (("d", Changed), ("none/e", NotFound)):
            self.error_of(kind, make(parse(name), Attributes()))
        self.error_of(WrongKind, self.overlay.remove(parse("d")))
        opened = self.open("d/a", NEW)
        self.error_of(WrongKind, remove(parse("d")))
        self.close(opened, NEW)
        self.error_of(WrongKind, remove(parse("d")))
        self.error_of(WrongKind, remove(parse("d/a")))
        self.result_of(self.overlay.remove(parse("d/a")))
        self.result_of(remove(parse("d")))
        self.error_of(NotFound, remove(parse("d")))

    def test_new_modes(self) -> None:
        """Modes of what is made are wishes, as for open(2) and mkdir(2): group and others get no right to write.

        With the widest one a client wishes nothing. A later change of the mode means what it says.
        """
        make, change = self.overlay.make_directory, self.overlay.set_attributes
        for name, wish, mode in (("w", 0o777, None), ("g", 0o40775, 0o755), ("p", 0o700, 0o700)):
            self.result_of(make(parse(name), Attributes(permissions=wish)))
            if mode is None:
                self.result_of(make(parse("plain"), Attributes()))
                mode = self.stat("plain").mode
            self.assertEqual(self.stat(name).mode, mode, name)
        for name, wish, mode in (("f", 0o100666, 0o644), ("h", 0o664, 0o644), ("q", 0o600, 0o600)):
            self.close(self.open(name, NEW, permissions=wish), NEW)
            self.assertEqual(self.stat(name).mode, mode, name)
        self.result_of(change(parse("f"), Attributes(permissions=0o666)))
        self.assertEqual(self.stat("f").mode, 0o666)

    def test_renamed(self) -> None:
        """What is renamed is committed first; its handles write to the new name from then on."""
        opened = self.open("a", NEW)
        self.write(opened, 0, b"one")
        self.result_of(self.overlay.rename(parse("a"), parse("b"), replace=False))
        self.assertEqual((self.content("a"), self.content("b")), (None, b"one"))
        self.write(opened, 3, b"two")
        self.close(opened, NEW)
        self.assertEqual((self.content("a"), self.content("b")), (None, b"onetwo"))
        self.absent("a")

    def test_renamed_directory(self) -> None:
        """The same for what is in a directory that is renamed."""
        self.lay({"d/e/b": b""})
        opened = self.open("d/e/a", NEW)
        self.write(opened, 0, b"one")
        self.result_of(self.overlay.rename(parse("d"), parse("f"), replace=False))
        self.write(opened, 3, b"two")
        self.close(opened, NEW)
        self.assertEqual(self.content("f/e/a"), b"onetwo")
        self.absent("d")

    def test_rename_refused(self) -> None:
        """A rename replaces nothing, unless that is asked for: neither a file nor one that only its session sees."""
        self.lay({"a": b"a", "b": b"b"})
        draft = self.open("c", NEW)
        for target in ("b", "c"):
            self.error_of(Changed, self.overlay.rename(parse("a"), parse(target), replace=False))
        self.error_of(NotFound, self.overlay.rename(parse("none"), parse("e"), replace=False))
        self.error_of(NotFound, self.overlay.rename(parse("none"), parse("none"), replace=False))
        self.error_of(NotFound, self.overlay.rename(parse("a"), parse("none/a"), replace=True))
        self.result_of(self.overlay.rename(parse("a"), parse("a"), replace=True))
        self.result_of(self.overlay.rename(parse("a"), parse("b"), replace=True))
        self.result_of(self.overlay.rename(parse("b"), parse("c"), replace=True))
        self.write(draft, 0, b"lost")
        self.close(draft, NEW)
        self.assertEqual((self.content("a"), self.content("b"), self.content("c")), (None, None, b"a"))

    def test_drop_box(self) -> None:
        """An account that may see nothing can open files to write them anew."""
        whole = self.files_of

        class Blind:
            def __getattr__(self, name: str) -> Any:
                return getattr(whole(""), name)

            def stat(self, endpoint: object, hashed: bool = True) -> Deferred[Entry | None]:
                raise Forbidden("not allowed")

        self.overlay = Overlay(lambda request: Blind(), self.budget)  # type: ignore[arg-type, return-value]
        self.put("dropped", b"content")
        self.assertEqual(self.content("dropped"), b"content")

    def test_no_right(self) -> None:
        """Without the right a file is not even opened to be written; the control: for the other one it is.

        The store says no: what it does not refuse is right by now.
        """
        self.put("old", b"old")
        asked: list[str] = []
        whole = self.files_of

        class Refusing:
            def __getattr__(self, name: str) -> Any:
                return getattr(whole(""), name)

            def edit(self, request: WriteRequest) -> Deferred[IFileDraft]:
                asked.append(str(request.endpoint))
                return fail(Forbidden("not allowed"))

        for rights, right, wrong in (("add", "new", "old"), ("replace", "old", "new")):
            allowed = frozenset(rights.split(","))
            self.overlay = Overlay(
                lambda request: Refusing(),  # type: ignore[arg-type, return-value]
                self.budget,
                rights_at=lambda endpoint, allowed=allowed: allowed,  # type: ignore[misc]
            )
            for flags in (NEW, W | C, W | C | APPEND):
                self.error_of(Forbidden, self.overlay.open(parse(wrong), flags, Attributes()))
            self.assertEqual(asked, 3 * [wrong])
            asked.clear()
            self.open(right, NEW, self.overlay)
            self.assertEqual(asked, [])
        self.overlay = Overlay(self.files_of, self.budget, rights_at=lambda endpoint: frozenset())
        self.put("granted", b"meanwhile")
        self.assertEqual(self.content("granted"), b"meanwhile")

    def test_similar_name(self) -> None:
        """A name that the store will refuse as too similar to another one is refused before anything is written.

        The controls: the name itself is opened, and where similar names are allowed the other one is, too.
        """
        self.serve(self.local())
        self.put("Photo.jpg", b"old")
        for name in ("photo.jpg", "PHOTO.JPG"):
            error = self.error_of(BadEndpoint, self.overlay.open(parse(name), NEW, Attributes()))
            self.assertIn("Photo.jpg", error.message)
            self.absent(name)
        self.put("Photo.jpg", b"new")
        self.serve(self.local(similar_names=True))
        self.put("Photo.jpg", b"old")
        self.put("photo.jpg", b"other")
        self.assertEqual((self.content("Photo.jpg"), self.content("photo.jpg")), (b"old", b"other"))

    def test_known_new(self) -> None:
        """Where the store knows that a name is new, no job is needed before the file is closed; else there is one."""
        self.serve(ImmediateMemoryStore())
        for name, flags, at_once in (
            (COLD.name, NEW, False),
            ("a", NEW, True),
            ("b", W | C | X, True),
            ("c", C, False),
        ):
            opening = Deferred.fromCoroutine(self.overlay.open(parse(name), flags, Attributes()))
            self.assertEqual(bool(opening.called), at_once, name)
            self.workers.work_all()
            opened = self.successResultOf(opening)
            self.assertIsNone(self.write(opened, 0, b"content"))
            self.close(opened, flags)
            self.assertEqual(self.content(name), b"content")

    def test_add_only(self) -> None:
        """An account that may only add in a folder, and does not see it, makes files there; the control: it sees it."""
        whole = self.files_of

        class Unseen:
            def __getattr__(self, name: str) -> Any:
                return getattr(whole(""), name)

            def stat(self, endpoint: object, hashed: bool = True) -> Deferred[Entry | None]:
                return succeed(None)

        def session(*rights: str) -> Overlay:
            return Overlay(
                lambda request: Unseen(),  # type: ignore[arg-type, return-value]
                self.budget,
                rights_at=lambda endpoint: frozenset(rights),
            )

        self.overlay = session("add")
        self.put("box/new", b"content")
        self.assertEqual(self.content("box/new"), b"content")
        self.error_of(NotFound, session("read", "add").open(parse("other/new"), NEW, Attributes()))
