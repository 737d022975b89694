"""What a file gets from its place: compared with what the system itself gives to a file that is created there."""

from __future__ import annotations

import errno
import os
import stat
import struct
from unittest import mock

from homeftp.endpoint import parse
from homeftp.errors import Internal
from homeftp.model import ABSENT
from homeftp.store.local.disk.inheritance import created_acl
from homeftp.store.local.store import LocalStore
from tests.support import needs
from tests.support.stores import StoreCase, put_of

GROUP = 12345
"""A group that is not the server's own."""

DEFAULT, ACCESS = "system.posix_acl_default", "system.posix_acl_access"
NOBODY = 0xFFFFFFFF
USER_OBJ, USER, GROUP_OBJ, NAMED_GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An ACL as the system encodes it."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)


SHARED = acl(
    (USER_OBJ, 7, NOBODY), (GROUP_OBJ, 5, NOBODY), (NAMED_GROUP, 7, GROUP), (MASK, 7, NOBODY), (OTHER, 0, NOBODY)
)
"""A group more may do everything, others nothing."""

PLAIN = acl((USER_OBJ, 7, NOBODY), (GROUP_OBJ, 7, NOBODY), (OTHER, 0, NOBODY))
"""One without named users and groups."""


class InheritanceTests(StoreCase):
    """Every way in which a file is written, beside a file that another program creates in place."""

    def write_all(self, store: LocalStore, folder: str, **fields: int) -> list[str]:
        """Write a file in each way; returns their paths."""
        paths = [f"{folder}/{name}" for name in ("batch", "absent", "upload", "draft", "copy", "new/folder/batch")]
        for path, condition in ((paths[0], None), (paths[1], ABSENT), (paths[5], None)):
            self.assertNotIsInstance(
                store.write_many([put_of(path, b"1", precondition=condition, **fields)])[0], Exception
            )
        upload = store.upload(put_of(paths[2], b"2", **fields)[0])
        upload.write(b"2")
        upload.commit()
        store.edit(put_of(paths[3], b"", **fields)[0]).commit()
        source = put_of("source", b"3", **{"mode": 0o644, **fields})
        store.write_many([source])
        list(store.copy(parse("source"), parse(paths[4]), source_precondition=None, target_precondition=None))
        return paths

    def created(self, path: str, mode: int) -> os.stat_result:
        """What the system gives to a file that is created there."""
        before = os.umask(0)
        try:
            os.close(os.open(self.path(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        finally:
            os.umask(before)
        return os.stat(self.path(path))

    def test_group(self) -> None:
        """In a set-group-ID directory a file gets its group, in another one the server's."""
        needs.root()
        os.mkdir(self.path("shared"))
        os.chown(self.path("shared"), -1, GROUP)
        os.chmod(self.path("shared"), 0o2775)
        os.mkdir(self.path("other"))
        os.chown(self.path("other"), -1, GROUP)
        store = self.store()
        for folder, group in (("shared", GROUP), ("other", os.getegid())):
            for path in self.write_all(store, folder, mode=0o664):
                found = os.stat(self.path(path))
                self.assertEqual((path, found.st_gid, found.st_mode & 0o777), (path, group, 0o664))
            self.assertEqual(self.created(f"{folder}/in-place", 0o664).st_gid, group, "the control: so does the system")
        inner = os.stat(self.path("shared/new"))
        self.assertEqual((inner.st_gid, bool(inner.st_mode & stat.S_ISGID)), (GROUP, True))

    def test_acl(self) -> None:
        """In a directory with a default ACL a file gets the ACL that the system gives."""
        store = self.store()
        for name, default in (("named", SHARED), ("plain", PLAIN)):
            os.mkdir(self.path(name))
            os.setxattr(self.path(name), DEFAULT, default)
            expected = self.created(f"{name}/in-place", 0o660)
            for path in self.write_all(store, name, mode=0o660):
                self.assertEqual((path, oct(os.stat(self.path(path)).st_mode)), (path, oct(expected.st_mode)))
                self.assertEqual(self.access(path), self.access(f"{name}/in-place"), path)
        self.assertIsNotNone(self.access("named/in-place"))
        self.assertIsNone(self.access("plain/in-place"), "the control: it is no more than a mode")

    def access(self, path: str) -> bytes | None:
        """The access ACL of a file, or None."""
        return os.getxattr(self.path(path), ACCESS) if ACCESS in os.listxattr(self.path(path)) else None

    def test_acl_not_read(self) -> None:
        """A file is refused where the disk fails at the default ACL: without it others might read the file."""
        os.mkdir(self.path("d"))
        os.setxattr(self.path("d"), DEFAULT, SHARED)
        store = self.store()
        for number, refused in ((errno.EIO, True), (errno.ENODATA, False), (errno.EOPNOTSUPP, False)):
            with mock.patch("os.getxattr", side_effect=OSError(number, os.strerror(number))):
                (result,) = store.write_many([put_of(f"d/{number}", b"1")])
            self.assertEqual(isinstance(result, Internal), refused, result)
            self.assertEqual(os.path.exists(self.path(f"d/{number}")), not refused)

    def test_acl_without_mode(self) -> None:
        """A file that is written without a mode gets what the default ACL gives to new files, and not 0644."""
        os.mkdir(self.path("d"))
        os.setxattr(self.path("d"), DEFAULT, SHARED)
        expected = self.created("d/in-place", 0o666)
        self.store().write_many([put_of("d/a", b"1"), put_of("b", b"1")])
        self.assertEqual(os.stat(self.path("d/a")).st_mode, expected.st_mode)
        self.assertEqual(self.access("d/a"), self.access("d/in-place"))
        self.assertEqual(os.stat(self.path("b")).st_mode & 0o777, 0o644, "the control: elsewhere it gets that")

    def test_created_acl(self) -> None:
        """For every mode the entries are those that the system makes; the owner can always read."""
        os.mkdir(self.path("d"))
        os.setxattr(self.path("d"), DEFAULT, SHARED)
        for mode in (0o777, 0o666, 0o644, 0o640, 0o600, 0o755, 0o471, 0o400):
            self.created(f"d/{mode:o}", mode)
            self.assertEqual(created_acl(SHARED, mode), self.access(f"d/{mode:o}"), oct(mode))
        self.assertEqual(struct.unpack_from("<HH", created_acl(SHARED, 0), 4), (USER_OBJ, 4))

    def test_replaced(self) -> None:
        """A file that is replaced keeps its owner, its group and, where none is asked for, its mode."""
        needs.root()
        store = self.store()
        paths = self.write_all(store, "d")
        for fields, mode in (({}, 0o600), ({"mode": 0o644}, 0o644)):
            for path in paths:
                os.chown(self.path(path), 1234, GROUP)
                os.chmod(self.path(path), 0o600)
            for path in self.write_again(store, **fields):
                found = os.stat(self.path(path))
                self.assertEqual((path, found.st_uid, found.st_gid, found.st_mode & 0o777), (path, 1234, GROUP, mode))
        store.write_many([put_of("d/fresh", b"1")])
        self.assertEqual(os.stat(self.path("d/fresh")).st_uid, os.geteuid(), "the control: a new file is the server's")

    def write_again(self, store: LocalStore, **fields: int) -> list[str]:
        """Replace files in place of `write_all`'s; returns their paths."""
        store.write_many([put_of("d/batch", b"other", **fields)])
        upload = store.upload(put_of("d/upload", b"other", **fields)[0])
        upload.write(b"other")
        upload.commit()
        draft = store.edit(put_of("d/draft", b"", hash=None, size=None, **fields)[0])
        draft.write(0, b"other")
        draft.commit()
        return ["d/batch", "d/upload", "d/draft"]
