"""Digests of directories that hold only files: right, remembered, and never of what was changed or marked since."""

from __future__ import annotations

import os
from typing import Callable

from homeftp.endpoint import MAX_PARTS, parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import CONTENT, CachedHash, HashCache
from homeftp.hashing.treedigest import DirectoryDigester
from homeftp.metadata.kept import ChangeTime
from homeftp.model import TreeDigest
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.filefolders import MOST_FILES, FileFolders
from homeftp.store.policy.filetypes import Filetypes
from homeftp.syscalls import System
from tests.support.stores import LONG_AGO, StoreCase

NAMES = ("a.txt", "b c.txt", "\u00e9.txt", ".dotted.txt")


class FileFoldersTests(StoreCase):
    """`FileFolders`, of a directory `d` with some files whose hashes are known."""

    def setUp(self) -> None:
        super().setUp()
        self.root_opened = SafeRoot(self.root, System())
        self.addCleanup(self.root_opened.close)
        for name in NAMES:
            os.chmod(self.lay(f"d/{name}", name.encode()), 0o640)
            self.remember(name)
        self.folders = self.begin()

    def begin(self, cache: HashCache | None = None, suffixes: tuple[str, ...] = ()) -> FileFolders:
        """One that remembers nothing."""
        return FileFolders(self.root_opened, cache or self.cache, Filetypes(suffixes))

    def remember(self, name: str, directory: str = "d", *, damage: str = "") -> None:
        """Record the hash of a file."""
        path = self.path(f"{directory}/{name}")
        with open(path, "rb") as file:
            content = hash_bytes(file.read())
        place = self.root_opened.cache_path(parse(directory))
        row = CachedHash(place, name, os.stat(path), content, 10**19, damage)
        (self.cache.record_reads if damage else self.cache.record)([row])

    def expected(self, names: tuple[str, ...] = NAMES) -> TreeDigest:
        """By the definition."""
        digester = DirectoryDigester()
        for name in sorted(names):
            with open(self.path(f"d/{name}"), "rb") as file:
                content = file.read()
            found = os.stat(self.path(f"d/{name}"))
            mode = found.st_mode & 0o777
            digester.add_file(name, len(content), hash_bytes(content), found.st_mtime_ns // 1000, mode)
        return digester.digest()

    def found(self) -> TreeDigest | None:
        """What is found of the directory."""
        return self.folders.digests(parse("d"))

    def test_known(self) -> None:
        """The digests are those of the definition, also of an empty directory."""
        self.assertEqual(self.found(), self.expected())
        os.mkdir(self.path("empty"))
        self.assertEqual(self.folders.digests(parse("empty")), DirectoryDigester().digest())

    def test_remembered(self) -> None:
        """The second time no hash is looked up; the control is one that remembers nothing."""
        self.found()
        self.cache.close()
        self.assertEqual(self.found(), self.expected())
        self.assertIsNone(self.begin().digests(parse("d")))

    def test_written(self) -> None:
        """A content that the server has put there counts, although the file looks as before; the control is a read."""
        self.cache.change_time = lambda device: ChangeTime.MTIME
        for name in NAMES:
            self.remember(name)
        before, file = self.found(), (self.root_opened.cache_path(parse("d")), "a.txt")
        found = os.stat(self.path("d/a.txt"))
        self.assertEqual(before, self.expected())
        other = CachedHash(*file, found, hash_bytes(b"other"), 10**19)
        self.cache.record([other])
        self.assertEqual(self.found(), before)
        self.cache.begin_change(file, found)
        self.assertIsNone(self.found())
        self.cache.record([other._replace(changed_ns=self.cache.end_change(file))])
        after = self.found()
        self.assertIsNotNone(after)
        self.assertNotEqual(after, before)

    def test_changed(self) -> None:
        """Any change of a file or of the names is noticed, behind the server's back too."""
        path = self.path("d/a.txt")
        changes: tuple[Callable[[], object], ...] = (
            lambda: os.utime(path, (5, 5)),
            lambda: os.chmod(path, 0o600),
            lambda: self.lay("d/a.txt", b"other"),
            lambda: os.rename(path, self.path("d/z.txt")),
            lambda: os.rename(self.path("d/z.txt"), path),
            lambda: os.link(path, self.path("d/new.txt")),
            lambda: os.unlink(self.path("d/new.txt")),
        )
        for number, change in enumerate(changes):
            before = self.found()
            change()
            names = tuple(sorted(os.listdir(self.path("d"))))
            self.assertIsNone(self.found(), number)
            for name in names:
                self.remember(name)
            self.assertEqual(self.found(), self.expected(names), number)
            self.assertIsNotNone(before)

    def test_not_listed(self) -> None:
        """A directory with anything but files that are shared has to be listed; without that it need not."""
        for make, remove in (
            (lambda path: os.mkdir(path), os.rmdir),
            (lambda path: os.symlink("a.txt", path), os.unlink),
            (lambda path: os.mkfifo(path), os.unlink),
        ):
            make(self.path("d/x"))
            self.assertIsNone(self.found())
            remove(self.path("d/x"))
            self.assertIsNotNone(self.found())
        for name in ("bad\n", "CON", ".homeftp-x", "e\u0301.txt"):
            os.rename(self.path("d/a.txt"), self.path(f"d/{name}"))
            self.assertIsNone(self.found(), ascii(name))
            os.rename(self.path(f"d/{name}"), self.path("d/a.txt"))
            self.remember("a.txt")
            self.assertIsNotNone(self.found())
        self.assertIsNone(self.begin(suffixes=(".jpg",)).digests(parse("d")))
        self.assertIsNotNone(self.begin(suffixes=(".txt",)).digests(parse("d")))
        for missing in ("none", "d/a.txt"):
            self.assertIsNone(self.folders.digests(parse(missing)))

    def test_damaged(self) -> None:
        """A directory with a damaged file has to be listed, whenever it was marked."""
        self.assertIsNotNone(self.found())
        self.remember("a.txt", damage=CONTENT)
        self.assertIsNone(self.found())

    def test_many_files(self) -> None:
        """A very large directory is listed."""
        for number in range(MOST_FILES - len(NAMES)):
            os.link(self.path("d/a.txt"), self.path(f"d/{number}"))
        for number in ("a.txt", *range(MOST_FILES - len(NAMES))):
            self.remember(str(number))
        self.assertIsNotNone(self.found())
        os.link(self.path("d/a.txt"), self.path("d/more"))
        for name in os.listdir(self.path("d")):
            self.remember(name)
        self.assertIsNone(self.found())

    def test_deep(self) -> None:
        """Files whose paths have too many parts cannot be listed: the listing says so."""
        for depth, is_known in ((MAX_PARTS - 1, True), (MAX_PARTS, False)):
            directory = "/".join(["p"] * depth)
            self.lay(f"{directory}/x")
            self.remember("x", directory)
            found = self.folders.digests(parse(directory))
            self.assertEqual(found is not None, is_known, depth)

    def test_moved(self) -> None:
        """What is remembered of a directory counts at another place only if all of its files may be there."""
        before = self.found()
        deep = "/".join(["p"] * (MAX_PARTS - 1))
        os.makedirs(self.path(deep))
        for place, is_known in ((f"{deep}/d", False), ("e", True)):
            os.rename(self.path("d"), self.path(place))
            self.assertEqual(self.folders.digests(parse(place)), before if is_known else None)
            os.rename(self.path(place), self.path("d"))

    def test_hashes_of_old_files(self) -> None:
        """The control of all this: the files are old, so that a hash that was recorded is known."""
        self.assertEqual(os.stat(self.path("d/a.txt")).st_mtime_ns // 1000, LONG_AGO)
