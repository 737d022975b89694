"""Files and directories get another name."""

from __future__ import annotations

import os

from homeftp.config import Retention
from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, parse
from homeftp.errors import (
    BadEndpoint,
    BadRequest,
    Changed,
    Internal,
    NotFound,
    Refusal,
    WrongKind,
)
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.wire.messages import meta_data
from tests.support.outsidereplacement import OTHER, OWN, OutsideReplacement
from tests.support.storecases import MoveCase
from tests.support.stores import LONG_AGO, Failing, StoreCase, put_of, sha, snapshot


class MoveTests(MoveCase):
    """Moving."""

    def test_file(self) -> None:
        """A file gets another name, in new directories too, and keeps its mtime, mode and inode."""
        store = self.store()
        self.put(store, "file.txt", b"content", mode=0o600)
        inode = os.stat(self.path("file.txt")).st_ino
        entry = self.move(store, "file.txt", "a/b/other.txt", sha(b"content"), ABSENT)
        self.assertEqual(self.files(), ["a", "a/b", "a/b/other.txt"])
        self.assertEqual(os.stat(self.path("a/b/other.txt")).st_ino, inode)
        self.assertEqual((entry.hash, dict(meta_data(entry))), (sha(b"content"), {"mtime_us": LONG_AGO, "mode": 0o600}))
        look = store.stat(parse("a/b/other.txt"))
        assert look is not None
        self.assertEqual(look.hash, sha(b"content"))

    def test_replaced(self) -> None:
        """A file that has the target's name becomes a version."""
        store = self.store()
        self.put(store, "a", b"one")
        self.put(store, "b", b"two")
        self.move(store, "a", "b", None, sha(b"two"))
        self.assertEqual((self.files(), self.content("b"), self.versions(store)), (["b"], b"one", ["b"]))

    def test_directory(self) -> None:
        """A directory moves with its content, if nothing has its new name."""
        store = self.store()
        self.lay("d/e/file.txt")
        self.lay("x")
        self.move(store, "d", "f/g")
        self.assertEqual(self.files(), ["f", "f/g", "f/g/e", "f/g/e/file.txt", "x"])
        for to in ("x", "f"):
            with self.assertRaises(Refusal):
                self.move(store, "f/g", to)

    def test_case(self) -> None:
        """A name may be changed in case only: it does not collide with itself."""
        store = self.store()
        self.lay("Photo.JPG")
        self.lay("Folder/x")
        self.move(store, "Photo.JPG", "photo.jpg")
        self.move(store, "Folder", "folder")
        self.assertEqual(self.files(), ["folder", "folder/x", "photo.jpg"])
        self.lay("other")
        with self.assertRaisesRegex(BadEndpoint, "'photo.jpg'"):
            self.move(store, "other", "PHOTO.jpg")

    def test_refused(self) -> None:
        """Failed preconditions, wrong kinds and moves into itself are refused, and nothing changes."""
        store = self.store()
        for name in ("a", "b", "d/e/f"):
            self.lay(name, name.encode())
        os.symlink(self.outside, self.path("link"))
        before = self.files()
        for name, to, precondition, target_precondition, refusal in (
            ("none", "x", None, None, NotFound),
            ("a", "x", sha(b"x"), None, Changed),
            ("a", "b", None, ABSENT, Changed),
            ("a", "b", None, sha(b"x"), Changed),
            ("a", "x", None, sha(b"x"), Changed),
            ("a", "d", None, None, WrongKind),
            ("d", "a", None, None, Changed),
            ("d", "d/e/g", None, None, BadRequest),
            ("a", "a", None, None, BadRequest),
            ("a", "b/c", None, None, WrongKind),
            ("link", "x", None, None, WrongKind),
            ("a", "link/x", None, None, WrongKind),
            ("d", "x", sha(b"x"), None, WrongKind),
        ):
            with self.assertRaises(refusal, msg=(name, to)):
                self.move(store, name, to, precondition, target_precondition)
        for name, to in (("", "x"), ("a", "")):
            with self.assertRaises(Refusal):
                store.move(parse(name), parse(to), None, None)
        self.assertEqual((self.files(), self.versions(store)), (before, []))
        self.assertEqual((self.content("a"), self.content("b"), self.content("d/e/f")), (b"a", b"b", b"d/e/f"))

    def test_hard_link(self) -> None:
        """Onto another name of the same file: the source goes, and no version is made, for its content stays."""
        store = self.store()
        for target in ("b", "d/b"):
            self.lay("a", b"same")
            os.makedirs(self.path("d"), exist_ok=True)
            os.link(self.path("a"), self.path(target))
            entry = self.move(store, "a", target)
            self.assertEqual((entry.size, self.content(target)), (4, b"same"))
            self.assertFalse(os.path.exists(self.path("a")))
            self.assertEqual(os.stat(self.path(target)).st_nlink, 1)
        self.assertEqual(self.versions(store), [])
        self.lay("x", b"one")
        self.lay("y", b"two")
        self.move(store, "x", "y")
        self.assertEqual(self.versions(store), ["y"], "the control: of another file a version is made")

    def test_hard_link_in_other_case(self) -> None:
        """Where both names exist and differ in case only they are two names all the same."""
        store = self.store(similar_names=True)
        self.lay("name", b"same")
        os.link(self.path("name"), self.path("NAME"))
        self.move(store, "name", "NAME")
        self.assertEqual((self.files(), self.content("NAME")), (["NAME"], b"same"))
        os.link(self.path("NAME"), self.path("other"))
        self.move(store, "NAME", "Name")
        self.assertEqual(self.files(), ["Name", "other"])

    def test_longest_path(self) -> None:
        """A directory does not go where something in it would have too long a path; nothing is changed then."""
        store = self.store()
        deep = "/".join(["d" * 250] * 15)
        self.put(store, f"src/{deep}/f", b"content")
        beneath = len(f"/{deep}/f")
        before = self.files()
        for size, fits in ((MAX_PATH_BYTES - beneath + 1, False), (MAX_PATH_BYTES - beneath, True)):
            target = "/".join(["t" * 99] * (size // 100) + ["u" * (size % 100)]).rstrip("/")
            self.assertEqual(len(target), size)
            if fits:
                self.move(store, "src", target)
                self.assertEqual(store.open(parse(f"{target}/{deep}/f")).read(0, 9), b"content")
                self.move(store, target, "src")
            else:
                with self.assertRaisesRegex(BadEndpoint, "4096 bytes"):
                    self.move(store, "src", target)
                self.assertEqual(self.files(), before)

    def test_deepest_path(self) -> None:
        """A directory does not go where something in it would have too many parts; nothing is changed then."""
        store = self.store()
        beneath = "/".join("d" * 60)
        self.put(store, f"a/{beneath}/f", b"content")
        self.lay("a/b")
        before = self.files()
        for parts, fits in ((MAX_PARTS - 60, False), (MAX_PARTS - 61, True)):
            target = "/".join("t" * parts)
            if fits:
                self.move(store, "a", target)
                self.assertEqual(store.open(parse(f"{target}/{beneath}/f")).read(0, 9), b"content")
            else:
                with self.assertRaisesRegex(BadEndpoint, "128 parts"):
                    self.move(store, "a", target)
                self.assertEqual(self.files(), before)

    def test_refused_leaves_no_parents(self) -> None:
        """A refused move leaves no directory that it made."""
        store = self.store()
        self.lay("a")
        self.lay("d/e")
        before = self.files()
        for name, precondition, target_precondition in (
            *[("a", sha(b"x"), None), ("a", None, sha(b"x")), ("a", ABSENT, None), ("d", sha(b"x"), None)],
            *[("d", ABSENT, None), ("d", None, sha(b"x")), ("none", None, None)],
        ):
            with self.assertRaises(Refusal, msg=name):
                self.move(store, name, "n/m/x", precondition, target_precondition)
            self.assertEqual(self.files(), before, name)
        self.move(store, "a", "n/m/x")
        self.assertEqual(self.files(), ["d", "d/e", "n", "n/m", "n/m/x"], "the control")

    def test_failures(self) -> None:
        """Whichever call fails, both contents still exist, under their names or as a version."""
        for number in range(1, 20):
            self.lay("a", b"one")
            self.lay("d/b", b"two")
            system = Failing(10**6)
            store = self.store(system, retention=Retention(percent=100))
            system._left = number
            try:
                self.move(store, "a", "d/b")
            except Refusal as refused:
                self.assertIsInstance(refused, Internal)
                if "in doubt" not in str(refused):
                    self.assertEqual((self.content("a"), self.content("d/b")), (b"one", b"two"), system.failed)
                    continue
            finally:
                store.close()
            self.assertEqual(self.content("d/b"), b"one")
            held = [found[-1] for path, found in snapshot(self.path(".homeftp/versions")).items() if path[-1] != "."]
            self.assertIn(b"two", held)
            if not system.failed:
                break
        self.assertGreater(number, 4)


class MoveRaceTests(StoreCase):
    """Another program replaces the file right after the rename."""

    def setUp(self) -> None:
        super().setUp()
        self.system = OutsideReplacement()
        self.served = self.store(system=self.system)

    def check(self, answer: object) -> None:
        """Check the answer, and what the store reports about the other program's file."""
        self.assertIsInstance(answer, Entry)
        assert isinstance(answer, Entry)
        self.assertEqual((answer.hash, answer.size), (sha(OWN), len(OWN)))
        self.assertEqual(answer.mtime_us, LONG_AGO + 1)
        self.assertGreater(self.system.times, 0, "the control: another program replaced it")
        self.assertEqual(self.content("file"), OTHER)
        there = self.served.stat(parse("file"))
        assert there is not None
        self.assertIn(there.hash, (None, sha(OTHER)))

    def request(self, name: str) -> tuple[WriteRequest, bytes]:
        """A write request."""
        return put_of(name, OWN, mtime_us=LONG_AGO + 1)

    def test_move(self) -> None:
        """A file that had another name."""
        self.served.write_many([self.request("other")])
        self.system.armed = True
        self.check(self.served.move(parse("other"), parse("file"), sha(OWN), None))
