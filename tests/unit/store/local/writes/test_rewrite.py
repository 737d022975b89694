"""Writing a damaged version again: what it keeps of the old one, and when it is left alone."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, Callable, ContextManager, Sequence
from unittest import mock

from homeftp.config import MIB
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Internal
from homeftp.hashing.filehash import read_at
from homeftp.model import MENDER, Change, Damage
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.limits import check_content
from tests.support.flips import FlipCase, flip
from tests.support.storecases import VersionsCase
from tests.support.stores import damages_in, sha
from tests.unit.store.local.disk.test_inheritance import ACCESS, SHARED


class VersionRewriteTests(VersionsCase, FlipCase):
    """`VersionRewriter`: the version of `a`, whose content `copy` has too."""

    def version_path(self) -> str:
        """Where the only version is."""
        (name,) = self.archived()
        return self.path(f".homeftp/versions/{name}")

    def damaged_version(self, store: LocalStore) -> None:
        """A version that was not kept by the disk, and is not known to be damaged yet."""
        if not os.path.exists(self.path("a")):
            self.put(store, "a", b"good", mode=0o640)
        self.put(store, "a", b"else")
        self.put(store, "copy", b"good")
        flip(self.version_path(), b"evil", self.cache_path)

    def mended(self, store: LocalStore) -> list[bool]:
        """Whether each thing that is found damaged is mended."""
        return [damage.mended for damage in damages_in(store)]

    def test_metadata(self) -> None:
        """The version keeps its name, mode and mtime, as what takes its place at a restore; nothing else is left."""
        store = self.store()
        self.damaged_version(store)
        before = os.stat(self.version_path())
        ((version,), names) = (self.versions(store, "a"), list(self.archived()))
        self.assertEqual(self.mended(store), [True])
        after = os.stat(self.version_path())
        self.assertEqual((after.st_mtime_ns, after.st_mode), (before.st_mtime_ns, before.st_mode))
        self.assertNotEqual(after.st_ino, before.st_ino, "it is not written in place")
        self.assertEqual((self.archived(), self.versions(store, "a")), ({names[0]: b"good"}, [version]))
        self.assertEqual((self.left(), self.mended(store)), ([], []))

    def test_acl(self) -> None:
        """The version keeps the access control list that the file had."""
        store = self.store()
        self.put(store, "a", b"good")
        os.setxattr(self.path("a"), ACCESS, SHARED)
        list(store.verify(ROOT))
        self.damaged_version(store)
        self.assertEqual(self.mended(store), [True])
        self.assertEqual(os.getxattr(self.version_path(), ACCESS), SHARED)

    def test_space(self) -> None:
        """What the store takes up stays the same, in its quota and among the versions."""
        store = self.store(quota=8 * MIB)
        store.maintain()
        self.damaged_version(store)
        before = store.usage()
        self.assertEqual(self.mended(store), [True])
        after = store.usage()
        self.assertEqual((after.used, after.versions), (before.used, before.versions))
        self.assertEqual(store.account_usage(MENDER).uploads, 0)
        store.maintain()
        self.assertEqual(store.usage().used, before.used)

    def test_from_the_newer_file(self) -> None:
        """The file itself mends its version where it has that content again."""
        store = self.store()
        self.damaged_version(store)
        os.unlink(self.path("copy"))
        self.assertEqual(self.mended(store), [False])
        self.put(store, "a", b"good")
        (other, *_) = self.versions(store, "a")
        self.assertEqual(self.mended(store), [True])
        self.assertEqual(self.contents(), [b"else", b"good"])
        self.assertEqual(other.hash, sha(b"else"))

    def while_copying(self, act: Callable[[], object]) -> ContextManager[object]:
        """Act before the copy of the content gets its name."""

        def late(*content: Any) -> None:
            act()
            check_content(*content)

        return mock.patch("homeftp.store.local.writes.rewrite.check_content", late)

    def test_changed_meanwhile(self) -> None:
        """A version that is removed, replaced or written to while its content is copied is left as it is.

        The control is one to which nothing happens.
        """

        def write() -> None:
            with open(self.version_path(), "wb") as file:
                file.write(b"mine")

        def replace() -> None:
            os.rename(self.path("copy"), self.version_path())

        for act, left, mended in (
            (write, [b"mine"], False),
            (replace, [b"good"], False),
            (lambda: os.unlink(self.version_path()), [], False),
            (lambda: None, [b"good"], True),
        ):
            self.root = os.path.abspath(self.mktemp())
            os.mkdir(self.root)
            store = self.store()
            self.damaged_version(store)
            with self.while_copying(act):
                self.assertEqual(self.mended(store), [mended])
            self.assertEqual((self.contents(), self.left()), (left, []))
            store.close()

    def test_restored_meanwhile(self) -> None:
        """A version that is being restored is left as it is; after that it is mended, as the control."""
        store = self.store()
        self.damaged_version(store)
        with contextlib.ExitStack() as restoring:
            catalog = store._writable.restorer.catalog
            with self.while_copying(lambda: restoring.enter_context(catalog.open(parse("a"), None))):
                self.assertEqual(self.mended(store), [False])
            self.assertEqual((self.contents(), self.left()), ([b"evil"], []))
        self.assertEqual(self.mended(store), [True])

    def test_unrecorded(self) -> None:
        """No version is changed while the audit log cannot be written; once it can be, it is mended, as the control."""
        failing: list[OSError] = []

        def record(changes: Sequence[Change]) -> None:
            for error in failing:
                raise error

        store = self.store(record_changes=record)
        self.damaged_version(store)
        os.unlink(self.path("copy"))
        self.assertEqual(self.mended(store), [False])
        self.put(store, "copy", b"good")
        failing.append(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.assertRaises(Internal, self.put, store, "other", b"")
        self.assertEqual((self.mended(store), self.contents()), ([False], [b"evil"]))
        failing.clear()
        self.assertEqual((self.mended(store), self.contents()), ([True], [b"good"]))

    def test_full_disk(self) -> None:
        """A disk that takes no copy leaves the version as it is, marked, and removes no other version for it."""
        store = self.store()
        self.damaged_version(store)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with mock.patch("homeftp.syscalls.System.write", side_effect=full):
            self.assertEqual(self.mended(store), [False])
        self.assertEqual((self.contents(), self.left()), ([b"evil"], []))
        (version,) = self.versions(store, "a")
        self.assertEqual(list(store.damaged()), [Damage("a", "content", sha(b"good"), version.at_us)])
        self.assertEqual(self.mended(store), [True], "the control")

    def test_wrong_copy(self) -> None:
        """A copy that turns out to be another content takes no version's name."""
        store = self.store()
        self.damaged_version(store)

        def other(fd: int, offset: int, length: int) -> bytes:
            return read_at(fd, offset, length).replace(b"good", b"goof")

        with mock.patch("homeftp.store.local.integrity.mender.read_at", other):
            self.assertEqual(self.mended(store), [False])
        self.assertEqual((self.contents(), self.left()), ([b"evil"], []))
        self.assertEqual(self.mended(store), [True], "the control")

    def test_durable(self) -> None:
        """Where its name may not survive a power cut it is not reported as mended; the control can be made durable."""
        failure = OSError(errno.EIO, os.strerror(errno.EIO))
        for side_effect, mended in ((failure, False), (None, True)):
            self.root = os.path.abspath(self.mktemp())
            os.mkdir(self.root)
            store = self.store()
            self.damaged_version(store)
            with mock.patch("homeftp.syscalls.System.fsync_directory", side_effect=side_effect):
                self.assertEqual(self.mended(store), [mended])
            store.close()
