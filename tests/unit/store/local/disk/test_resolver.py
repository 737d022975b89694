"""The resolver: both ways to resolve a path report the same."""

from __future__ import annotations

import errno
import os

from homeftp.store.local.disk.resolver import DIRECTORY, LOOKUP, Resolver
from homeftp.store.local.disk.spelling import Spelling
from homeftp.syscalls import System
from tests.support.stores import StoreCase, Unlisted, Walking


class ResolverTests(StoreCase):
    """The kernel, and part by part."""

    def setUp(self) -> None:
        """Make directories, a file and links."""
        super().setUp()
        os.makedirs(self.path("a/b"))
        self.lay("a/file")
        os.symlink("b", self.path("a/inside"))
        os.symlink(self.outside, self.path("outside"))
        self.fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)
        system = System()
        self.resolvers = [Resolver(Walking(), Spelling(Walking(), self.fd), True)]
        if system.has_openat2:
            self.resolvers.append(Resolver(system, Spelling(system, self.fd), False))
            self.resolvers.append(Resolver(system, Spelling(Unlisted(), self.fd), False))

    def outcome(self, resolver: Resolver, *parts: str) -> int:
        """The inode of the directory that was opened, or the errno, negative."""
        try:
            fd = resolver.open(self.fd, parts, DIRECTORY)
        except OSError as error:
            return -(error.errno or 0)
        try:
            return os.fstat(fd).st_ino
        finally:
            os.close(fd)

    def test_opened(self) -> None:
        """Directories are opened, the root among them."""
        for resolver in self.resolvers:
            for parts in ((), ("a",), ("a", "b")):
                self.assertEqual(self.outcome(resolver, *parts), os.stat(self.path("/".join(parts))).st_ino)

    def test_refused(self) -> None:
        """Links are ELOOP wherever they lead and wherever they are, files ENOTDIR, and missing names ENOENT."""
        expected = {
            ("outside",): errno.ELOOP,
            ("a", "inside"): errno.ELOOP,
            ("a", "inside", "x"): errno.ELOOP,
            ("a", "file"): errno.ENOTDIR,
            ("a", "file", "x"): errno.ENOTDIR,
            ("missing", "x"): errno.ENOENT,
        }
        for resolver in self.resolvers:
            found = {parts: -self.outcome(resolver, *parts) for parts in expected}
            self.assertEqual(found, expected, resolver)

    def test_same_mount(self) -> None:
        """A directory is on its parent's mount; one on /proc is not."""
        for resolver in self.resolvers:
            self.assertTrue(resolver.is_same_mount(self.fd, ["a"], "b"))
            top = os.open("/", LOOKUP)
            try:
                self.assertFalse(resolver.is_same_mount(top, [], "proc"))
            finally:
                os.close(top)
