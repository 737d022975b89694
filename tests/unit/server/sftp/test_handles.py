"""Handles: so many, and each for what it is."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Busy, Forbidden
from homeftp.server.sftp.handles import FileHandle, Handles
from homeftp.server.sftp.listing import DirectoryReader
from homeftp.server.sftp.shared import AccountHandles
from homeftp.server.sftp.wire.numbers import OpenFlag

OPENED: Any = object()


class HandleTests(SynchronousTestCase):
    """A session that may have two."""

    def setUp(self) -> None:
        self.handles = Handles("ann", AccountHandles(), 2)

    def add(self, handle: Any) -> bytes:
        """Another one."""
        self.handles.reserve()
        return self.handles.add(handle)

    def test_bounded(self) -> None:
        """A place is kept before a handle is opened, and given back where that fails."""
        name = self.add(FileHandle(OPENED, OpenFlag.READ))
        self.handles.reserve()
        self.assertRaises(Busy, self.handles.reserve)
        self.handles.release()
        self.handles.reserve()
        self.handles.release()
        self.handles.remove(name)
        self.assertRaises(BadRequest, self.handles.any, name)
        self.assertNotEqual(self.add(FileHandle(OPENED, OpenFlag.READ)), name)

    def test_endpoint(self) -> None:
        """What a handle is of, until its file is committed."""
        name = self.add(DirectoryReader(parse("d"), cast(Any, None), list, Clock()))
        self.assertEqual(self.handles.endpoint(name), parse("d"))
        self.handles.remove(name)
        self.assertEqual(self.handles.endpoint(name), parse("d"))
        self.handles.closed(name)
        self.assertIsNone(self.handles.endpoint(name))

    def test_kinds(self) -> None:
        """A handle of a file is none of a directory, and one to read none to write."""
        reader = self.add(FileHandle(OPENED, OpenFlag.READ))
        directory = DirectoryReader(ROOT, cast(Any, None), list, Clock())
        folder = self.add(directory)
        self.assertIs(self.handles.file(reader, to_read=True).opened, OPENED)
        self.assertIs(self.handles.directory(folder), directory)
        self.assertRaises(Forbidden, self.handles.file, reader, to_write=True)
        self.assertRaises(BadRequest, self.handles.file, folder)
        self.assertRaises(BadRequest, self.handles.directory, reader)
        self.handles.close()
        self.assertRaises(BadRequest, self.handles.any, folder)
