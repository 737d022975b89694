"""The overlay: names that are opened, renamed and removed."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint, Changed, Forbidden, NotFound, WrongKind
from homeftp.interfaces import IFileDraft, IFiles
from homeftp.model import Entry, WriteRequest
from homeftp.server.sftp.overlay.exclusive import ExclusiveNames
from homeftp.server.sftp.overlay.overlay import Overlay
from homeftp.server.sftp.wire.fields import Attributes
from tests.support.immediatestore import COLD, ImmediateMemoryStore
from tests.support.overlaycase import APPEND, NEW, C, OverlayCase, R, W, X


class OtherFiles:
    """The files of a login, but for what a subclass does in another way."""

    def __init__(self, files: IFiles) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)


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

        class Blind(OtherFiles):
            def stat(self, endpoint: object, hashed: bool = True) -> Deferred[Entry | None]:
                raise Forbidden("not allowed")

        self.overlay = Overlay(lambda request: Blind(self.files_of("")), self.budget)  # type: ignore[arg-type, return-value]
        self.put("dropped", b"content")
        self.assertEqual(self.content("dropped"), b"content")

    def test_no_right(self) -> None:
        """Without the right a file is not even opened to be written; the control: for the other one it is.

        The store says no: what it does not refuse is right by now.
        """
        self.put("old", b"old")
        asked: list[str] = []

        class Refusing(OtherFiles):
            def edit(self, request: WriteRequest) -> Deferred[IFileDraft]:
                asked.append(str(request.endpoint))
                return fail(Forbidden("not allowed"))

        for rights, right, wrong in (("add", "new", "old"), ("replace", "old", "new")):
            allowed = frozenset(rights.split(","))
            self.overlay = Overlay(
                lambda request: Refusing(self.files_of("")),  # type: ignore[arg-type, return-value]
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

        class Unseen(OtherFiles):
            def stat(self, endpoint: object, hashed: bool = True) -> Deferred[Entry | None]:
                return succeed(None)

        def session(*rights: str) -> Overlay:
            return Overlay(
                lambda request: Unseen(self.files_of("")),  # type: ignore[arg-type, return-value]
                self.budget,
                rights_at=lambda endpoint: frozenset(rights),
            )

        self.overlay = session("add")
        self.put("box/new", b"content")
        self.assertEqual(self.content("box/new"), b"content")
        self.error_of(NotFound, session("read", "add").open(parse("other/new"), NEW, Attributes()))
