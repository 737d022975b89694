"""The safe root: one contract, kept by both resolvers."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from unittest import mock

from homeftp.endpoint import MAX_PARTS, ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, Forbidden, NotFound, OperatorError, Refusal, WrongKind
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.syscalls import System
from tests.support import needs
from tests.support.descriptors import count_descriptors
from tests.support.folders import QuickCase
from tests.support.stores import made_by_hand, snapshot

BAD_PARTS = ("..", ".", "", "a/../../outside", "/etc", "a\0b", "\udcff", "x\ud800")


class WalkTests(QuickCase):
    """The contract, with paths resolved part by part."""

    walk = True

    def setUp(self) -> None:
        """A root with a file in a directory, and a folder outside of it."""
        self.base = os.path.abspath(self.mktemp())
        self.root = os.path.join(self.base, "root")
        self.outside = os.path.join(self.base, "outside")
        os.makedirs(os.path.join(self.root, "a", "b"))
        os.makedirs(os.path.join(self.outside, "b"))
        for path in (f"{self.root}/a/b/file.txt", f"{self.outside}/secret.txt", f"{self.outside}/b/file.txt"):
            with open(path, "wb") as file:
                file.write(path.encode())
        system = System()
        needs.require("openat2(2)", lambda: self.walk or system.has_openat2)
        self.safe_root = SafeRoot(self.root, system, walk=self.walk)
        self.addCleanup(self.safe_root.close)

    def open_file(self, endpoint: Endpoint) -> tuple[int, os.stat_result]:
        """A file, opened as every reader of the store opens it: from its parent directory's descriptor."""
        parent = self.safe_root.open_for_lookup(endpoint.parent)
        try:
            return self.safe_root.open_file_in(parent, endpoint)
        finally:
            os.close(parent)

    def read(self, name: str) -> bytes:
        """The content of a file, opened through the safe root."""
        fd, found = self.open_file(parse(name))
        try:
            return os.read(fd, found.st_size)
        finally:
            os.close(fd)

    def refused(self, endpoint: Endpoint) -> list[type[Exception]]:
        """The refusal of each method that opens an endpoint; one that succeeds is a hole."""
        ways = (
            self.open_file,
            self.safe_root.open_directory,
            self.safe_root.stat,
            self.safe_root.open_for_lookup,
            self.safe_root.open_nearest,
            self.safe_root.make_directories,
        )
        answers = []
        for way in ways:
            with self.assertRaises(Refusal) as caught:
                way(endpoint)
            answers.append(type(caught.exception))
        return answers

    def test_file(self) -> None:
        """A regular file beneath the root is opened, and its stat is the descriptor's."""
        self.assertEqual(self.read("a/b/file.txt"), f"{self.root}/a/b/file.txt".encode())

    def test_absent(self) -> None:
        """A missing entry is NOT_FOUND, whichever part is missing; nothing is below a file."""
        for name in ("x", "x/y/z", "a/x", "a/b/file.txt/x", "a/b/file.txt/x/y"):
            with self.assertRaises(NotFound):
                self.open_file(parse(name))
            with self.assertRaises(NotFound):
                self.safe_root.open_directory(parse(name))
            self.assertIsNone(self.safe_root.stat(parse(name)))

    def test_wrong_kind(self) -> None:
        """A directory is not opened as a file, nor a file as a directory."""
        for endpoint in (parse("a"), parse("a/b"), ROOT):
            with self.assertRaises(WrongKind):
                self.open_file(endpoint)
        with self.assertRaises(WrongKind):
            self.safe_root.open_directory(parse("a/b/file.txt"))
        with self.assertRaises(WrongKind):
            self.safe_root.make_directories(parse("a/b/file.txt/x"))

    def test_planted_link(self) -> None:
        """B3: a symbolic link is refused as the root's child, as a parent and as a leaf; the outside is untouched."""
        os.symlink(self.outside, f"{self.root}/child")
        os.symlink(self.outside, f"{self.root}/a/parent")
        os.symlink(f"{self.outside}/secret.txt", f"{self.root}/a/b/leaf.txt")
        os.symlink("file.txt", f"{self.root}/a/b/inside.txt")
        before = snapshot(self.outside)
        for name in ("child/b/file.txt", "child/b", "a/parent/b", "a/parent/secret.txt", "a/b/leaf.txt/x"):
            self.assertEqual(set(self.refused(parse(name))), {WrongKind}, name)
        for name in ("child", "a/parent", "a/b/leaf.txt", "a/b/inside.txt"):
            with self.assertRaises(WrongKind):
                self.open_file(parse(name))
            with self.assertRaises(WrongKind):
                self.safe_root.open_directory(parse(name))
            with self.assertRaises(WrongKind):
                self.safe_root.make_directories(parse(f"{name}/made"))
            found = self.safe_root.stat(parse(name))
            assert found is not None
            self.assertTrue(stat.S_ISLNK(found.st_mode))
        self.assertEqual(snapshot(self.outside), before)

    def test_planted_link_control(self) -> None:
        """The control: opening by path follows the same links to the outside."""
        os.symlink(self.outside, f"{self.root}/child")
        with open(f"{self.root}/child/b/file.txt", "rb") as file:
            self.assertEqual(file.read(), f"{self.outside}/b/file.txt".encode())

    def test_places(self) -> None:
        """A folder is where it is, and where it is mounted again, whether it exists or not."""

        class Bound(System):
            def __init__(self, root: str) -> None:
                super().__init__()
                self.root = root

            def mounts(self) -> bytes:
                root = self.root
                kind = "rw - ext4 /dev/sda1 rw"
                lines = "1 0 8:1 / /", f"2 1 8:1 {root}/a/b {root}/x/bound", f"3 1 8:1 {root}/a/b /z"
                return "".join(f"{line} {kind}\n" for line in lines).encode()

        for system in (Bound(os.path.realpath(self.root)), System()):
            root = SafeRoot(self.root, system, walk=self.walk)
            self.addCleanup(root.close)
            for path, bound in (
                ("a/b", ["x/bound"]),
                ("a", ["x/bound"]),
                ("a/b/none", ["x/bound/none"]),
                ("a/b/file.txt/x", ["x/bound/file.txt/x"]),
                ("a/c", []),
            ):
                expected = [path, *bound] if isinstance(system, Bound) else [path]
                self.assertEqual(list(map(str, root.paths_to(parse(path)))), expected)

    def test_places_of_moved_root(self) -> None:
        """A root that was moved is found where it is; where nothing tells the mounts, nothing is decided."""
        moved = os.path.join(os.path.realpath(self.base), "moved")

        class Mounts(System):
            def mounts(self) -> bytes:
                kind = "rw - ext4 /dev/sda1 rw"
                return f"1 0 8:1 / / {kind}\n2 1 8:1 {moved}/a {moved}/x {kind}\n".encode()

        class Unknown(System):
            def mounts(self) -> bytes:
                raise PermissionError

        for system in (Mounts(), Unknown()):
            root = SafeRoot(self.root, system, walk=self.walk)
            self.addCleanup(root.close)
            os.rename(self.root, moved)
            if isinstance(system, Mounts):
                self.assertEqual(root.paths_to(parse("a")), [parse("a"), parse("x")])
            else:
                self.assertRaises(PermissionError, root.paths_to, parse("a"))
            os.rename(moved, self.root)

    def test_not_validated(self) -> None:
        """B1, B8: an endpoint that was not validated cannot leave the root either."""
        for part in BAD_PARTS:
            for parts in ((part, "secret.txt"), ("a", part, "secret.txt"), ("a", part)):
                self.assertEqual(set(self.refused(made_by_hand(*parts))), {BadEndpoint}, parts)

    def test_fifo(self) -> None:
        """B5: a FIFO is refused without blocking."""
        os.mkfifo(f"{self.root}/a/fifo")
        with self.assertRaises(WrongKind):
            self.open_file(parse("a/fifo"))

    def test_socket(self) -> None:
        """B5: a socket is refused."""
        bound = socket.socket(socket.AF_UNIX)
        self.addCleanup(bound.close)
        bound.bind(os.path.relpath(f"{self.root}/socket"))
        with self.assertRaises(WrongKind):
            self.open_file(parse("socket"))

    def test_device(self) -> None:
        """B5: a device is refused, even one with endless content."""
        needs.root()
        os.mknod(f"{self.root}/zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        with self.assertRaises((WrongKind, Forbidden)):
            self.open_file(parse("zero"))

    def test_root_moves(self) -> None:
        """B11: a root that is moved stays the root; a directory put at its path is ignored."""
        os.rename(self.root, f"{self.base}/moved")
        os.symlink(self.outside, self.root)
        with self.assertRaises(NotFound):
            self.open_file(parse("secret.txt"))
        self.assertEqual(self.read("a/b/file.txt"), f"{self.root}/a/b/file.txt".encode())
        with open(f"{self.root}/secret.txt", "rb") as file:
            self.assertIn(b"outside", file.read(), "the control: by its path the root is now the outside")

    def test_open_directory(self) -> None:
        """A directory on the root's file system is opened, and reported as such."""
        for endpoint in (ROOT, parse("a"), parse("a/b")):
            handle = self.safe_root.open_directory(endpoint)
            self.assertTrue(handle.same_mount)
            self.assertEqual(os.fstat(handle.fd).st_ino, os.stat(f"{self.root}/{endpoint}").st_ino)
            os.close(handle.fd)

    def test_another_disk(self) -> None:
        """A directory on another file system is reported as such."""
        self.safe_root.device += 1
        handle = self.safe_root.open_directory(parse("a"))
        self.assertFalse(handle.same_mount)
        os.close(handle.fd)

    def test_nearest(self) -> None:
        """The nearest directory is the deepest existing one, and its depth tells which."""
        for name, depth in (("a/b", 2), ("a/b/c/d", 2), ("a/x/b", 1), ("x/y", 0)):
            handle, found = self.safe_root.open_nearest(parse(name))
            self.assertEqual(found, depth, name)
            os.close(handle.fd)

    def test_nearest_of_deep(self) -> None:
        """However many parts are missing, a few tries find the nearest; no descriptor is lost, refused or not."""
        way = "/".join(["d"] * 40)
        os.makedirs(os.path.join(self.root, way))
        before = count_descriptors()
        for depth in range(41):
            name = f"{way}/"[: 2 * depth] + "/".join(["new"] * (MAX_PARTS - depth))
            with mock.patch.object(self.safe_root.mounts, "expect", wraps=self.safe_root.mounts.expect) as tries:
                handle, found = self.safe_root.open_nearest(parse(name))
            os.close(handle.fd)
            self.assertEqual(found, depth)
            self.assertLess(tries.call_count, 12)
        with open(os.path.join(self.root, "d/d/file"), "wb"):
            pass
        self.assertRaises(WrongKind, self.safe_root.open_nearest, parse("d/d/file/" + "/".join(["new"] * 50)))
        self.assertEqual(count_descriptors(), before)

    def test_make(self) -> None:
        """Directories are made with mode 0755 whatever the umask; the result begins with the deepest existing one."""
        before = os.umask(0o077)
        try:
            places = self.safe_root.make_directories(parse("a/new/er/est"))
        finally:
            os.umask(before)
        inodes = [os.fstat(handle.fd).st_ino for handle in places]
        for handle in places:
            os.close(handle.fd)
        paths = [f"{self.root}/{name}" for name in ("a", "a/new", "a/new/er", "a/new/er/est")]
        self.assertEqual(inodes, [os.stat(path).st_ino for path in paths])
        self.assertEqual({stat.S_IMODE(os.stat(path).st_mode) for path in paths[1:]}, {0o755})

    def test_long_path(self) -> None:
        """An endpoint of the maximum length can be opened, although openat2 takes only shorter paths."""
        endpoint = parse("/".join(["d" * 255] * 15 + ["e" * 254, "f"]))
        self.addCleanup(shutil.rmtree, os.path.join(self.root, "d" * 255))
        self.assertEqual(len(str(endpoint)), 4096)
        for handle in self.safe_root.make_directories(endpoint):
            os.close(handle.fd)
        found = self.safe_root.stat(endpoint)
        assert found is not None
        self.assertTrue(stat.S_ISDIR(found.st_mode))
        directory = self.safe_root.open_for_lookup(endpoint)
        os.close(directory)

    def test_no_descriptor_is_lost(self) -> None:
        """Refusals close what they opened."""
        os.symlink(self.outside, f"{self.root}/link")
        os.mkfifo(f"{self.root}/fifo")

        def use_all() -> None:
            for name in ("link/x/y", "a/b/file.txt/x/y"):
                self.refused_or_none(parse(name))
            for name in ("fifo", "a", "x/y/z"):
                with self.assertRaises(Refusal):
                    self.open_file(parse(name))

        use_all()
        before = count_descriptors()
        use_all()
        self.assertEqual(count_descriptors(), before)

    def refused_or_none(self, endpoint: Endpoint) -> None:
        """Call every method with endpoints that it refuses."""
        for way in (
            self.open_file,
            self.safe_root.open_directory,
            self.safe_root.open_for_lookup,
            self.safe_root.open_nearest,
            self.safe_root.make_directories,
        ):
            with self.assertRaises(Refusal):
                way(endpoint)


class KernelTests(WalkTests):
    """The same contract, with openat2."""

    walk = False


class RootTests(QuickCase):
    """Opening a root."""

    def test_setup_errors(self) -> None:
        """A path that cannot be a root is refused with one line that names it and says why."""
        base = os.path.abspath(self.mktemp())
        os.mkdir(base)
        with open(f"{base}/file", "wb"):
            pass
        os.mkfifo(f"{base}/fifo")
        wrong = {"missing": "no such folder", "file": "not a folder", "fifo": "not a folder", "a\0b": "null"}
        for name, reason in wrong.items():
            with self.assertRaises(OperatorError) as caught:
                SafeRoot(f"{base}/{name}", System())
            self.assertIn(reason, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))
            self.assertNotIn("\0", str(caught.exception))

    def test_link_as_root(self) -> None:
        """The root may be given by a symbolic link; its target at the start is the root."""
        base = os.path.abspath(self.mktemp())
        os.makedirs(f"{base}/real")
        os.symlink("real", f"{base}/link")
        root = SafeRoot(f"{base}/link", System())
        self.assertEqual(os.fstat(root.fd).st_ino, os.stat(f"{base}/real").st_ino)
        root.close()
