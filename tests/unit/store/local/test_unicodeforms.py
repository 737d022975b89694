"""Names that other programs put into the folder in another Unicode form: they are served in the composed one."""

from __future__ import annotations

import errno
import os
import shutil
import unicodedata
from typing import Any

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import ROOT, Endpoint, FolderSet, parse
from homeftp.errors import BadEndpoint, Changed, Damaged, NotFound
from homeftp.model import ABSENT, PRESENT, Actor, Allotment, Change, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support.flips import FlipCase
from tests.support.stores import content_of, damages_in, sha

NFC = "Übung é"
NFD = unicodedata.normalize("NFD", NFC)
MIXED = "Übung e\u0301"
"""A third form of the same name: half of it is composed."""


class Removing(System):
    """Another program removes a file right after it got its name; then the directory cannot be read any more."""

    removed = False

    def rename_new(self, source: bytes, target: bytes, **directories: Any) -> None:
        super().rename_new(source, target, **directories)
        self._remove(target, directories["target_dir"])

    def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
        super().name_new(fd, target, target_dir=target_dir)
        self._remove(target, target_dir)

    def _remove(self, target: bytes, directory: int) -> None:
        if not target.isascii():
            os.unlink(target, dir_fd=directory)
            self.removed = True

    def names_in(self, directory: int) -> list[bytes]:
        if self.removed:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().names_in(directory)


class UnicodeFormTests(FlipCase):
    """A store in whose folder another program stores names in NFD."""

    def listed(self, store: LocalStore, endpoint: Endpoint = ROOT) -> list[str]:
        """All names, in the order in which they are listed."""
        return [entry.name for page in store.list(endpoint, True) for entry in page.entries]

    def skipped(self, store: LocalStore) -> dict[str, str]:
        """All names that are not offered, each with the reason."""
        return dict(each for page in store.list(ROOT, True) for each in page.skipped)

    def test_control(self) -> None:
        """The control: this disk takes the forms for different names."""
        self.lay(NFD)
        self.assertFalse(os.path.exists(self.path(NFC)))

    def test_read(self) -> None:
        """Such a file is listed, statted, opened and hashed under its composed name, in folders of such names too."""
        self.lay(f"{NFD}/{NFD}.txt", b"content")
        store = self.store()
        self.assertEqual(self.listed(store), [NFC, f"{NFC}/{NFC}.txt"])
        self.assertEqual(self.skipped(store), {})
        self.assertEqual(content_of(store, f"{NFC}/{NFC}.txt"), b"content")
        (file,) = store.open_many([parse(f"{NFC}/{NFC}.txt")], 100)
        assert not isinstance(file, Exception)
        self.assertEqual((file.content, file.entry.hash), (b"content", sha(b"content")))
        found = store.stat(parse(f"{NFC}/{NFC}.txt"))
        assert found is not None
        self.assertEqual((found.hash, found.size), (sha(b"content"), 7))
        self.assertEqual([each.hash for page in store.list(parse(NFC), False) for each in page.entries], [found.hash])

    def test_committed(self) -> None:
        """A change that was made is recorded, and is no failure, although its name cannot be looked up afterwards."""
        system, changes = Removing(), list[Change]()
        store = self.store(system, record_changes=changes.extend)
        self.put(store, NFC, b"content")
        self.assertTrue(system.removed)
        self.assertEqual([(change.what, str(change.endpoint)) for change in changes], [("add", NFC)])

    def test_added_later(self) -> None:
        """A file that is put there while the server runs is found."""
        store = self.store()
        self.assertIsNone(store.stat(parse(NFC)))
        for number in range(20):
            name = f"{number}{NFC}"
            self.lay(unicodedata.normalize("NFD", name))
            self.assertIn(name, self.listed(store))

    def test_order(self) -> None:
        """A listing is sorted by the bytes of the composed names, and complete, over several pages."""
        names = [f"{letter}{number}" for letter in "aeéöz" for number in range(LISTING_PAGE // 4)]
        for number, name in enumerate(names):
            self.lay(unicodedata.normalize("NFD" if number % 2 else "NFC", name), b"")
        self.assertEqual(self.listed(self.store()), sorted(names, key=str.encode))

    def test_two_forms(self) -> None:
        """Of two names that fall together none is guessed: the composed one is itself, the other one is told."""
        self.lay(NFC, b"composed")
        self.lay(NFD, b"other")
        store = self.store()
        self.assertEqual(self.listed(store), [NFC])
        self.assertEqual(list(self.skipped(store)), [NFD])
        self.assertIn("rename one of them", self.skipped(store)[NFD])
        self.assertEqual(content_of(store, NFC), b"composed")
        self.put(store, NFC, b"new")
        self.assertEqual((self.content(NFC), self.content(NFD)), (b"new", b"other"))
        self.assertEqual(sum(store.remove(parse(NFC), None, False)), 1)
        self.assertEqual((self.listed(store), self.content(NFD)), ([NFC], b"other"))

    def test_two_forms_in_turn(self) -> None:
        """No listing has a name twice, though the composed one is removed when it has been listed with its content."""
        for number in range(1, LISTING_PAGE):
            self.lay(f"d/{number}", b"")
        self.lay(f"d/{NFC}/file")
        self.lay(f"d/{NFD}/other")
        pages = self.store().list(parse("d"), True)
        first = next(page for page in pages if page.entries)
        self.assertEqual(first.entries[-1].name, NFC, "the control")
        shutil.rmtree(self.path(f"d/{NFC}"))
        (second,) = (page for page in pages if page.entries)
        self.assertEqual([entry.name for entry in second.entries], [f"{NFC}/file"])
        self.assertEqual([name for name, _ in second.skipped], [NFD])

    def test_two_other_forms(self) -> None:
        """Where no form is the composed one, both are told, and neither is opened, replaced or removed."""
        self.lay(MIXED, b"mixed")
        self.lay(NFD, b"other")
        store = self.store()
        self.assertEqual(self.listed(store), [])
        self.assertEqual(set(self.skipped(store)), {NFD, MIXED})
        self.assertRaises(NotFound, store.open, parse(NFC))
        self.assertIsNone(store.stat(parse(NFC)))
        for precondition in (None, ABSENT):
            self.assertRaises(BadEndpoint, self.put, store, NFC, b"new", precondition=precondition)
        self.assertRaises(NotFound, lambda: sum(store.remove(parse(NFC), None, False)))
        self.assertEqual((self.content(MIXED), self.content(NFD)), (b"mixed", b"other"))

    def test_replace(self) -> None:
        """A write replaces such a file under the name that it has, on its condition; the old content is a version."""
        self.lay(NFD, b"old")
        store = self.store()
        self.assertRaises(Changed, self.put, store, NFC, b"new", precondition=ABSENT)
        self.assertRaises(Changed, self.put, store, NFC, b"new", precondition=sha(b"x"))
        self.put(store, NFC, b"new", precondition=sha(b"old"))
        self.assertEqual([name for name in os.listdir(self.root) if name != ".homeftp"], [NFD])
        self.assertEqual(self.content(NFD), b"new")
        self.stream(store, NFC, b"newer" * 1000)
        (versions,) = store.versions(parse(NFC))
        self.assertEqual(len(versions), 2)
        store.restore(parse(NFC), versions[-1].at_us, None)
        self.assertEqual(content_of(store, NFC), b"old")
        self.assertEqual([name for name in os.listdir(self.root) if name != ".homeftp"], [NFD])

    def test_remove(self) -> None:
        """It is removed, becomes a version, and its name is free again."""
        self.lay(f"{NFD}/{NFD}", b"old")
        store = self.store()
        self.put(store, f"{NFC}/a", b"")
        self.assertEqual(sum(store.remove(parse(NFC), None, True)), 3)
        self.assertEqual(self.listed(store), [])
        self.assertEqual({each.name for page in store.versions(parse(NFC)) for each in page}, {"a", NFC})
        self.put(store, NFC, b"new")
        self.assertEqual(self.listed(store), [NFC])
        self.assertEqual(self.content(NFC), b"new")

    def test_move(self) -> None:
        """A file and a folder are moved away, and over; the new name is the composed one."""
        self.lay(f"{NFD}/a", b"a")
        self.lay("xe\u0301y", b"file")
        store = self.store()
        for source, target in ((NFC, f"{NFC}2"), ("xéy", "xéz"), ("xéz", f"{NFC}2/a")):
            store.move(parse(source), parse(target), None, None)
        self.assertEqual(self.listed(store), [f"{NFC}2", f"{NFC}2/a"])
        self.assertEqual(self.content(f"{NFC}2/a"), b"file")

    def test_move_over(self) -> None:
        """A file that is moved over such a one, from its own folder or another, takes the name that the disk has."""
        self.lay(NFD, b"old")
        store = self.store()
        for source, content in (("beside", b"new"), ("d/elsewhere", b"newer")):
            self.put(store, source, content)
            store.move(parse(source), parse(NFC), None, None)
            self.assertEqual(self.content(NFD), content)
        self.assertEqual(self.listed(store), ["d", NFC])
        (versions,) = store.versions(parse(NFC))
        self.assertEqual(len(versions), 2)

    def test_directories(self) -> None:
        """A folder in such a form is used for new files, and made anew by none."""
        os.mkdir(self.path(NFD))
        store = self.store()
        self.put(store, f"{NFC}/new", b"")
        self.assertRaises(Changed, store.make_directory, WriteRequest(endpoint=parse(NFC), precondition=ABSENT))
        store.make_directory(WriteRequest(endpoint=parse(NFC), precondition=PRESENT, mode=0o700))
        self.assertEqual(os.stat(self.path(NFD)).st_mode & 0o777, 0o700)
        store.set_metadata(parse(f"{NFC}/new"), mtime_us=5_000_000, mode=None, precondition=None)
        self.assertEqual(os.stat(self.path(f"{NFD}/new")).st_mtime, 5)
        self.assertEqual([name for name in os.listdir(self.root) if name != ".homeftp"], [NFD])

    def test_verify(self) -> None:
        """It is read again, and damage is found and marked."""
        self.lay(NFD, b"good")
        store = self.store()
        store.open_many([parse(NFC)], 100)
        self.assertEqual((sum(step.files for step in store.verify(ROOT)), list(store.damaged())), (1, []))
        self.flip(NFD, b"evil")
        self.assertEqual([each.name for each in damages_in(store)], [NFC])
        self.assertEqual([each.name for each in store.damaged()], [NFC])
        self.assertRaises(Damaged, store.open, parse(NFC))

    def test_mended_from(self) -> None:
        """A damaged file is mended from a copy that has such a name, or is in such a folder."""
        for name, good, evil in (("a", b"good", b"evil"), (f"{NFD}/a", b"fine", b"foul")):
            self.lay(f"{name}{NFD}", good)
            store = self.store()
            self.put(store, "damaged", good)
            self.assertEqual(damages_in(store), [])
            self.flip("damaged", evil)
            self.assertEqual([(each.name, each.mended) for each in damages_in(store)], [("damaged", True)])
            self.assertEqual(self.content("damaged"), good)
            store.close()

    def test_hidden(self) -> None:
        """A folder that is hidden under its composed name is hidden in every form."""
        self.lay(f"{NFD}/secret", b"")
        store = self.store()
        hidden = FolderSet(frozenset({(NFC,)}))
        self.assertEqual([entry.name for page in store.list(ROOT, True, hidden) for entry in page.entries], [])

    def test_home(self) -> None:
        """What an account's home holds in such a form counts in its quota."""
        self.lay(f"home/{NFD}", b"x" * 5000)
        store = self.store()
        allotment = Allotment(parse("home"), 6000, may_discard=True, sees_all=False)
        bound = store.bind(Actor(account="ann", allotment=allotment))
        self.assertLess(bound.space().free or 0, 2000)

    def test_not_served(self) -> None:
        """A name that composes to ASCII, or to one that no endpoint may have, is told as before."""
        for name in ("\u212aelvin", "e\u0301:"):
            self.lay(name)
        store = self.store()
        self.assertEqual(self.listed(store), [])
        self.assertEqual(len(self.skipped(store)), 2)
        self.assertIsNone(store.stat(parse("Kelvin")))
