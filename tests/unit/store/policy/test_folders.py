"""An account that has several folders of a store, and nothing else of it."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest, Forbidden, NotFound, Refusal, WrongKind
from homeftp.model import Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ALL, Rights

READ, ADD = frozenset({"read"}), frozenset({"add"})
FILES = (
    "photos/lake.jpg",
    "photos/private/x",
    "people/kid/a",
    "people/ann/secret",
    "inbox/old",
    "tax/2026",
    "top",
)
FOLDERS = (
    (("inbox",), frozenset({"add"})),
    (("people", "kid"), ALL),
    (("photos",), READ),
    (("photos", "private"), frozenset[str]()),
)


WAY = Entry("people", "directory")


def put(path: str) -> WriteRequest:
    return WriteRequest(endpoint=parse(path), size=1)


def raise_first(store: AuthorizedStore, request: WriteRequest) -> None:
    """Write one small file; raises its refusal."""
    (result,) = store.write_many([(request, b"x")])
    if isinstance(result, Exception):
        raise result


def remove_all(store: AuthorizedStore, endpoint: Endpoint) -> None:
    """Remove a directory with everything in it."""
    for _ in store.remove(endpoint, None, True):
        pass


class FoldersTests(SynchronousTestCase):
    """Some files, of which an account sees two folders and may add to a third."""

    def setUp(self) -> None:
        self.whole = MemoryStore()
        for path in FILES:
            self.whole.write_many([(put(path), b"x")])
        self.store = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=FOLDERS))

    def listed(self, path: str = "", *, recursive: bool = False) -> list[str]:
        pages = self.store.list(parse(path), recursive)
        return sorted(entry.name for page in pages for entry in page.entries)

    def all_files(self) -> set[str]:
        pages = self.whole.list(parse(""), True)
        return {entry.name for page in pages for entry in page.entries if entry.kind == "file"}

    def test_listed(self) -> None:
        """It sees its folders and the way to them, and nothing beside."""
        self.assertEqual(self.listed(), ["people", "photos"])
        self.assertEqual(self.listed("people"), ["kid"])
        self.assertEqual(self.listed("people/kid"), ["a"])
        self.assertEqual(self.listed("photos"), ["lake.jpg"])
        self.assertEqual(
            self.listed(recursive=True), ["people", "people/kid", "people/kid/a", "photos", "photos/lake.jpg"]
        )
        for path in ("tax", "people/ann", "photos/private", "inbox", "nothing"):
            self.assertRaises(NotFound, self.listed, path)

    def test_seen(self) -> None:
        """By every way of looking: a way is a directory without metadata, and cannot be opened as a file."""
        seen = {path for path in FILES if self.store.stat(parse(path)) is not None}
        self.assertEqual(seen, {"photos/lake.jpg", "people/kid/a"})
        many = self.store.stat_many([parse(path) for path in (*FILES, "", "people", "tax")])
        self.assertEqual([each is not None for each in many], [path in seen for path in FILES] + [True, True, False])
        way = self.store.stat(parse("people"))
        assert way is not None
        self.assertEqual((way.kind, way.mtime_us, way.mode), ("directory", None, None))
        opened = self.store.open_many([parse(path) for path in (*FILES, "people")], 100)
        self.assertEqual([not isinstance(each, Exception) for each in opened[:-1]], [path in seen for path in FILES])
        self.assertIsInstance(opened[-1], WrongKind)
        self.assertRaises(WrongKind, self.store.open, parse("people"))
        self.assertRaises(NotFound, self.store.open, parse("tax/2026"))

    def test_way_that_is_a_file(self) -> None:
        """Where a file of others is in the way, the account does not see it."""
        store = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=((("top", "x"), ALL),)))
        self.assertIsNone(store.stat(parse("top")))
        self.assertRaises(NotFound, store.open, parse("top"))

    def test_changed(self) -> None:
        """It changes what its rights in each folder allow, and nothing else; a control does change something."""
        before = self.all_files()
        tried: list[tuple[str, Any]] = []
        store, free = self.store, parse("people/kid/a")
        for path in (*FILES, "", "people", "people/ann", "tax", "photos", "photos/private", "PHOTOS/x", "People/kid/b"):
            here, new = parse(path), f"{path}/new".strip("/")
            tried += [
                (path, partial(store.write_many, [(put(new), b"x")])),
                (path, partial(store.make_directory, WriteRequest(endpoint=parse(new)))),
                (path, partial(store.upload, put(new))),
                (path, partial(store.edit, put(new))),
                (path, lambda here=here: list(store.remove(here, None, True))),
                (path, partial(store.move, here, parse("people/kid/moved"), None, None)),
                (path, partial(store.move, free, parse(new), None, None)),
                (
                    path,
                    lambda new=new: list(
                        store.copy(free, parse(new), source_precondition=None, target_precondition=None)
                    ),
                ),
                (path, partial(store.set_metadata, here, mtime_us=1, mode=None, precondition=None)),
                (path, partial(store.restore, here, None, None)),
            ]
        for path, attempt in tried:
            if path.startswith(("people/kid", "inbox")):
                continue
            try:
                result = attempt()
            except Refusal:
                continue
            self.assertEqual([each for each in result if not isinstance(each, Forbidden | NotFound)], [], path)
        self.assertEqual(self.all_files(), before)
        self.store.write_many([(put("people/kid/new"), b"x"), (put("inbox/new"), b"x")])
        self.assertEqual(self.all_files() - before, {"people/kid/new", "inbox/new"})
        self.assertRaises(Refusal, lambda: list(self.store.remove(parse("inbox/new"), None, False)))

    def test_moved_out(self) -> None:
        """A folder with the right to delete may be emptied; the folder that contains it may not be moved."""
        self.assertRaises(Refusal, self.store.move, parse("people"), parse("people/kid/p"), None, None)
        list(self.store.remove(parse("people/kid/a"), None, False))
        self.assertEqual(self.listed("people/kid"), [])

    def test_tops(self) -> None:
        """The top of a folder, and what holds one, stays: no removal, move, or metadata, and no file in its place."""
        one, inner, new = parse("own"), parse("own/x"), parse("own/new")
        folders = ((("inbox",), frozenset({"add"})), (("own",), ALL), (("own", "x", "deep"), ALL))
        store = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=folders))
        self.whole.write_many([(put("own/a"), b"x"), (put("own/x/deep/b"), b"x"), (put("own/y/c"), b"x")])
        for top in (one, inner, parse("own/x/deep"), parse("own/X")):
            for attempt, status in self.changes(store, top):
                self.assertRaises(status, attempt)
        self.assertRaises(BadRequest, store.move, inner, new, None, None)
        for attempt, _ in self.changes(store, parse("own/y"))[:1]:
            attempt()
        store.move(parse("own/y"), new, None, None)
        list(store.remove(new, None, True))
        store.write_many([(put("own/new"), b"x")])
        self.assertIn("own/new", self.all_files())

    def test_ways(self) -> None:
        """What leads to a folder that it may read stays too, with the same refusals; one that it does not see is none.

        It may store nothing there.
        """
        unseen = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=((("tax", "own"), ADD),)))
        moved = parse("people/kid/moved")
        for path in ("", "people"):
            way = parse(path)
            for store, refusals in ((self.store, (BadRequest, BadRequest, Forbidden)), (unseen, (NotFound,) * 3)):
                attempts: list[Callable[[], object]] = [
                    partial(remove_all, store, way),
                    partial(store.move, way, moved, None, None),
                    partial(store.set_metadata, way, mtime_us=1, mode=None, precondition=None),
                ]
                for attempt, refusal in zip(attempts, refusals, strict=True):
                    self.assertRaises(refusal, attempt)
        self.assertRaises(Forbidden, raise_first, self.store, put("people"))
        self.assertRaises(Forbidden, self.store.move, parse("people/kid/a"), parse("people"), None, None)

    def changes(self, store: AuthorizedStore, top: Endpoint) -> list[tuple[Callable[[], object], type[Refusal]]]:
        """What nobody may do to a top, with the refusal of each."""
        request, file = WriteRequest(endpoint=top, size=1), parse("own/a")
        return [
            (partial(store.set_metadata, top, mtime_us=1, mode=None, precondition=None), Forbidden),
            (lambda: list(store.remove(top, None, True)), BadRequest),
            (partial(store.move, top, parse("own/moved"), None, None), BadRequest),
            (partial(store.move, file, top, None, None), WrongKind),
            (lambda: list(store.copy(file, top, source_precondition=None, target_precondition=None)), WrongKind),
            (partial(store.upload, request), WrongKind),
            (partial(store.edit, request), WrongKind),
            (partial(raise_first, store, request), WrongKind),
            (partial(store.restore, top, None, None), WrongKind),
        ]

    def test_missing_tops(self) -> None:
        """Where a top is missing, no file takes its place either; a directory does, with the owner's metadata."""
        folders = ((("drop",), frozenset({"add"})), (("own",), ALL))
        store = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=folders))
        for path, status in (("own", WrongKind), ("drop", Forbidden)):
            self.assertRaises(status, raise_first, store, put(path))
            self.assertRaises(status, store.upload, put(path))
        for path, mtime_us in (("own", None), ("own/beneath", 1)):
            made = store.make_directory(WriteRequest(endpoint=parse(path), mtime_us=1, mode=0o700))
            self.assertEqual(made.mtime_us == 1, mtime_us == 1, path)
        home = AuthorizedStore(self.whole, parse("people/new"), Rights())
        self.assertRaises(WrongKind, raise_first, home, WriteRequest(endpoint=Endpoint(()), size=1))

    def test_versions(self) -> None:
        """Versions are those of its folders."""
        for path in FILES:
            self.whole.write_many([(put(path), b"y")])
        names = sorted(each.name for page in self.store.versions(parse("")) for each in page)
        self.assertEqual(names, ["people/kid/a", "photos/lake.jpg"])

    def test_verified(self) -> None:
        """Its folders are verified, and nothing beside; what is damaged is named as it sees it."""
        for path in FILES:  # all of the same content: none is a copy of another any more
            self.whole.damage(parse(path), b"y")
        for path, files, damaged in (
            ("", 2, ["people/kid/a", "photos/lake.jpg"]),
            ("people", 1, ["kid/a"]),
            ("photos/lake.jpg", 1, [""]),
        ):
            steps = list(self.store.verify(parse(path)))
            self.assertEqual(sum(step.files for step in steps), files, path)
            self.assertEqual(sorted(each.name for step in steps for each in step.damages), damaged, path)
        self.assertEqual(sorted(each.name for each in self.store.damaged()), ["people/kid/a", "photos/lake.jpg"])

    def test_nothing_to_see(self) -> None:
        """What leads to no folder that it may read does not exist: it is neither listed nor verified."""
        hidden = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=((("tax", "own"), ADD),)))
        for store, path in ((self.store, "tax"), (self.store, "nothing"), (hidden, "tax"), (hidden, "")):
            self.assertRaises(NotFound, lambda store=store, path=path: list(store.verify(parse(path))))
            self.assertRaises(NotFound, lambda store=store, path=path: list(store.list(parse(path), False)))
        self.assertTrue(list(self.store.verify(parse("people"))), "the control")
        self.assertTrue(list(self.store.list(parse("people"), False)), "the control")

    def test_way(self) -> None:
        """A directory that leads to a folder has its own name, and nothing else; one that is missing does not exist."""
        self.assertEqual(self.store.stat(parse("people")), self.store.stat_many([parse("people")])[0])
        self.assertEqual(self.store.stat(parse("people")), structs.replace(WAY, name=""))
        (entry,) = (
            each for page in self.store.list(parse(""), False) for each in page.entries if each.name == "people"
        )
        self.assertEqual(entry, WAY)
        missing = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=((("gone", "x"), READ),)))
        self.assertIsNone(missing.stat(parse("gone")))

    def test_damaged(self) -> None:
        """What is damaged is told to an account that may read it, as that names it, and to no other."""
        for path in FILES:
            self.whole.damage(parse(path), b"y")
        list(self.whole.verify(parse("")))
        for home, rights, names in (
            ("", Rights(), sorted(FILES)),
            ("people/kid", Rights(), ["a"]),
            ("people", Rights(ALL, ((("ann",), ADD),)), ["kid/a"]),
            ("photos", Rights(ADD), []),
            ("people/kid", Rights(ADD, ((("a",), READ),)), []),
        ):
            account = AuthorizedStore(self.whole, parse(home), rights)
            self.assertEqual(sorted(each.name for each in account.damaged()), names, home)

    def test_rights(self) -> None:
        """The deeper folder counts; in another spelling a folder only takes away; `in_all_of` looks beneath."""
        rights = Rights(frozenset(), folders=FOLDERS)
        for path, at, in_all in (
            ("photos", READ, frozenset()),
            ("photos/lake.jpg", READ, READ),
            ("photos/private/x", frozenset(), frozenset()),
            ("photos/PRIVATE/x", frozenset(), frozenset()),
            ("PHOTOS/lake.jpg", frozenset(), frozenset()),
            ("people/kid", ALL, ALL),
            ("people", frozenset(), frozenset()),
            ("", frozenset(), frozenset()),
        ):
            parts = parse(path).parts
            self.assertEqual((rights.at(parts), rights.in_all_of(parts)), (at, in_all), path)
        self.assertEqual(rights.at_most, ALL)
        self.assertEqual(Rights(READ).at_most, READ)
        for path, top in (("photos", True), ("PEOPLE", True), ("", True), ("people/kid/a", False), ("tax", False)):
            self.assertEqual(rights.holds_top(parse(path).parts), top, path)
            self.assertFalse(Rights(READ).holds_top(parse(path).parts), path)
        wider = Rights(frozenset(), folders=((("a",), READ), (("a", "b"), ALL)))
        self.assertEqual(wider.at(("a", "b", "c")), ALL)
        self.assertEqual(wider.at(("a", "B", "c")), READ)
