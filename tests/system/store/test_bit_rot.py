"""Bits that flip on a disk, beneath a real file system: each is found, told and, where there is a copy, mended."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
from typing import Iterator, NamedTuple

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Damaged
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import StoreOptions
from homeftp.model import Damage, WriteRequest
from homeftp.store.local.store import LocalStore
from tests.support import needs
from tests.support.mounts import MIB, image, mounted, run
from tests.support.needs import LONG
from tests.support.stores import content_of, damages_in, sha

FILES, FLIPS = (10_000, 100) if LONG else (300, 20)

MTIME_US = 1_700_000_000_000_500

CLOSED_TOGETHER = 10
"""Files of a batch on a disk that shows the ctime late: where a batch takes longer than `signatures.LATE_NS` to close
its files, as with a slow driver, their hashes are not known any more, and have to be computed again."""


class FileSystem(NamedTuple):
    """A file system in an image."""

    make: tuple[str, ...]
    """What makes it."""
    mount: tuple[str, ...]
    """The options of mount(8).

    With a loop device umount(8) waits for a driver in user space; one that opens the image itself may be running still.
    """


EXT4 = FileSystem(("mkfs.ext4", "-q", "-N", str(2 * FILES + 10_000)), ("-o", "loop"))

_MAKE_NTFS = ("mkfs.ntfs", "--fast", "--force", "--quiet")
NTFS = FileSystem(_MAKE_NTFS, ("-t", "lowntfs-3g", "-o", "loop"))
NTFS_OF_USER = FileSystem(_MAKE_NTFS, ("-t", "lowntfs-3g", "-o", "loop,uid=0"))
"""The kernel remembers stats there."""
OLD_NTFS = FileSystem(_MAKE_NTFS, ("-t", "ntfs-3g", "-o", "loop"))

EXFAT = FileSystem(("mkfs.exfat",), ("-t", "exfat-fuse", "-o", "loop"))


class BitRotCase(SynchronousTestCase):
    """A file system in an image that is changed while it is not mounted."""

    file_system = EXT4
    options = StoreOptions()

    def setUp(self) -> None:
        needs.root()
        needs.device("/dev/loop-control")
        self.random = random.Random(1)

    def make(self, file_system: FileSystem = EXT4) -> None:
        """Make an empty one."""
        if "-t" in file_system.mount:
            needs.device("/dev/fuse")
            needs.program(f"mount.{file_system.mount[file_system.mount.index('-t') + 1]}")
        self.file_system = file_system
        self.root = os.path.abspath(self.mktemp())
        self.disk = image(f"{self.root}.img", max(64 * MIB, FILES * 16_384))
        run(*file_system.make, self.disk)

    @contextlib.contextmanager
    def store(self) -> Iterator[LocalStore]:
        """The store on the disk, which is mounted meanwhile."""
        with self.mounted():
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(os.path.join(self.root, "lost+found"))
            cache = HashCache(f"{self.root}.sqlite")
            store = LocalStore(self.root, cache, self.options)
            try:
                yield store
            finally:
                store.close()
                cache.close()

    def mounted(self) -> contextlib.AbstractContextManager[str]:
        """The disk, mounted without a store."""
        return mounted(self.root, *self.file_system.mount, self.disk)

    def write(self, store: LocalStore, contents: dict[str, bytes]) -> None:
        """Push these files."""
        requests = [
            (WriteRequest(endpoint=parse(name), size=len(content), hash=sha(content), mtime_us=MTIME_US), content)
            for name, content in contents.items()
        ]
        results = store.write_many(requests)
        self.assertEqual([each for each in results if isinstance(each, Exception)], [])

    def flip(self, contents: list[bytes]) -> None:
        """Change one bit of each of these contents, where it is first on the disk."""
        with open(self.disk, "r+b") as file, mmap.mmap(file.fileno(), 0) as disk:
            for content in contents:
                at = disk.find(content)
                assert at >= 0, "the content is in one piece on the disk"
                at += self.random.randrange(len(content))
                disk[at] ^= 1 << self.random.randrange(8)


class BitRotTests(BitRotCase):
    """An ext4."""

    def setUp(self) -> None:
        super().setUp()
        self.make()

    def test_flips(self) -> None:
        """Every flip in a share of many files is found, nothing else is, and what has a copy is mended."""
        contents = {f"{number % 100:02}/{number}.bin": self.random.randbytes(2000) for number in range(FILES)}
        victims = self.random.sample(sorted(contents), FLIPS)
        copied = victims[: FLIPS // 2]
        with self.store() as store:
            self.write(store, contents)
        self.flip([contents[name] for name in victims])
        with self.store() as store:
            copies = [
                (WriteRequest(endpoint=parse(f"copies/{name}"), size=2000, mtime_us=MTIME_US), contents[name])
                for name in copied
            ]
            self.assertEqual([each for each in store.write_many(copies) if isinstance(each, Exception)], [])
            found = {damage.name: damage for damage in damages_in(store)}
            self.assertEqual(sorted(found), sorted(victims))
            self.assertEqual(sorted(name for name, damage in found.items() if damage.mended), sorted(copied))
            left = sorted(set(victims) - set(copied))
            expected = [Damage(name, "content", sha(contents[name])) for name in left]
            self.assertEqual(list(store.damaged()), expected)
            for name, content in contents.items():
                if name in left:
                    self.assertRaises(Damaged, store.open, parse(name))
                else:
                    self.assertEqual(content_of(store, name), content, name)
            again = [
                (WriteRequest(endpoint=parse(name), size=2000, precondition=sha(contents[name])), contents[name])
                for name in left
            ]
            self.assertEqual([each for each in store.write_many(again) if isinstance(each, Exception)], [])
            self.assertEqual(damages_in(store), [])
            self.assertEqual(content_of(store, left[0]), contents[left[0]])

    def test_changed_files(self) -> None:
        """What another program changed is not damaged, even where it sets the mtime back; the control is a flip."""
        names = ["written", "replaced", "renamed", "flipped"]
        contents = {name: self.random.randbytes(3000) for name in names}
        with self.store() as store:
            for name, content in contents.items():
                request = WriteRequest(endpoint=parse(name), size=3000, mtime_us=MTIME_US)
                (result,) = store.write_many([(request, content)])
                self.assertNotIsInstance(result, Exception)
        with self.mounted():
            paths = {name: os.path.join(self.root, name) for name in names}
            with open(paths["written"], "r+b") as file:
                file.write(b"changed by a program")
            with open(f"{paths['replaced']}.new", "wb") as file:
                file.write(self.random.randbytes(3000))
            os.rename(f"{paths['replaced']}.new", paths["replaced"])
            os.rename(paths["renamed"], f"{paths['renamed']}.old")
            with open(paths["renamed"], "wb") as file:
                file.write(b"x" * 3000)
            for name in ("written", "replaced", "renamed"):
                os.utime(paths[name], ns=(0, MTIME_US * 1000))
        self.flip([contents["flipped"]])
        with self.store() as store:
            found = [damage.name for damage in damages_in(store)]
            self.assertEqual(found, ["flipped"])

    def test_version(self) -> None:
        """A flip in a version is found; the version is not restored before it is mended by a copy of its content."""
        old, new = self.random.randbytes(3000), self.random.randbytes(3000)
        with self.store() as store:
            for content, condition in ((old, None), (new, sha(old))):
                request = WriteRequest(endpoint=parse("d/a"), size=3000, mtime_us=MTIME_US, precondition=condition)
                (result,) = store.write_many([(request, content)])
                self.assertNotIsInstance(result, Exception)
        self.flip([old])
        with self.store() as store:
            (damage,) = damages_in(store)
            ((version,),) = store.versions(parse("d/a"))
            self.assertEqual(damage, Damage("d/a", "content", sha(old), version.at_us))
            self.assertRaises(Damaged, store.restore, parse("d/a"), None, None)
            self.assertEqual(content_of(store, "d/a"), new)
            (copy,) = store.write_many([(WriteRequest(endpoint=parse("copy"), size=3000, mtime_us=MTIME_US), old)])
            self.assertNotIsInstance(copy, Exception)
            self.assertEqual(damages_in(store), [structs.replace(damage, mended=True)])
            store.restore(parse("d/a"), version.at_us, None)
            self.assertEqual((content_of(store, "d/a"), damages_in(store)), (old, []))


class ForeignDisksTests(BitRotCase):
    """File systems whose drivers make up a part of the stat, or show it late."""

    def check(self, file_system: FileSystem, *, mends: bool) -> None:
        """After a remount every hash is known; each flip is found, and nothing that was changed; a push mends."""
        self.make(file_system)
        contents = {f"{number % 10}/{number}.bin": self.random.randbytes(2000) for number in range(100)}
        victims = self.random.sample(sorted(contents), 10)
        changed = next(name for name in contents if name not in victims)
        names = list(contents)
        with self.store() as store:
            for start in range(0, len(names), CLOSED_TOGETHER):
                self.write(store, {name: contents[name] for name in names[start : start + CLOSED_TOGETHER]})
        self.flip([contents[name] for name in victims])
        with self.store() as store:
            self.write(store, {f"copies/{victims[0]}": contents[victims[0]]})
            entries = store.stat_many([parse(name) for name in contents])
            known = {name: getattr(entry, "hash", None) for name, entry in zip(contents, entries, strict=True)}
            self.assertEqual(known, {name: sha(content) for name, content in contents.items()})
            with open(os.path.join(self.root, changed), "r+b") as file:
                file.write(b"changed by a program")
            found = {damage.name: damage.mended for damage in damages_in(store)}
            self.assertEqual(found, {name: mends and name == victims[0] for name in victims})
            left = {damage.name: contents[damage.name] for damage in store.damaged()}
            self.assertEqual(sorted(left), sorted(name for name, mended in found.items() if not mended))
            for name in left:
                self.assertRaises(Damaged, store.open, parse(name))
            self.write(store, left)
        with self.store() as store:
            self.assertEqual(list(store.damaged()), [])
            for name in victims:
                self.assertEqual(content_of(store, name), contents[name])
            self.assertEqual(damages_in(store), [])

    def test_ntfs(self) -> None:
        """Both drivers by FUSE, and one with the kernel's memory of stats."""
        for file_system in (NTFS, NTFS_OF_USER, OLD_NTFS):
            self.check(file_system, mends=True)

    def test_exfat(self) -> None:
        """exFAT by FUSE, which keeps no versions: the server mends nothing there by itself."""
        self.options = StoreOptions(retention=Retention(seconds=0))
        self.check(EXFAT, mends=False)

    def test_same_size_and_time(self) -> None:
        """A file that the server replaced by another content of the same size and time has the hash of that."""
        self.options = StoreOptions(retention=Retention(seconds=0))
        for file_system in (EXFAT, NTFS, EXT4):
            self.make(file_system)
            for _ in range(2):
                with self.store() as store:
                    self.write(store, {"a": b"old content", "b": b"old content"})
                with self.store() as store:
                    self.write(store, {"a": b"new content"})
                with self.store() as store:
                    entries = [store.stat(parse(name)) for name in "ab"]
                    hashes = [entry and entry.hash for entry in entries]
                    self.assertEqual(hashes, [sha(b"new content"), sha(b"old content")])
                    self.assertEqual(damages_in(store), [])
