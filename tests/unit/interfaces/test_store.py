"""The contract of stores is implemented by all of them, and says what can be refused."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass

from homeftp.endpoint import parse
from homeftp.interfaces.store import (
    IDraft,
    IOpenFile,
    IStore,
    IStoreHealth,
    IUpload,
    StoreOptions,
    UnrecordedChanges,
    record_nothing,
)
from homeftp.interfaces.storefactory import IStoreFactory
from homeftp.model import SERVER, Change
from homeftp.status import Status
from homeftp.store.buffers import BytesDraft, BytesFile, BytesUpload
from homeftp.store.local.factory import LocalStoreFactory
from homeftp.store.local.read import LocalFile
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.edit import LocalDraft
from homeftp.store.local.writes.upload import LocalUpload
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.readonly import ReadOnlyStore

CHANGES = "upload write_many edit make_directory set_metadata copy move restore".split()


class StoreInterfaceTests(SynchronousTestCase):
    """The interfaces and what comes with them."""

    def test_classes(self) -> None:
        """Each implementation has the methods of its interface, with the same parameters."""
        for interface, implementations in (
            (IStore, (MemoryStore, LocalStore, AuthorizedStore, ReadOnlyStore)),
            (IOpenFile, (BytesFile, LocalFile)),
            (IUpload, (BytesUpload, LocalUpload)),
            (IDraft, (BytesDraft, LocalDraft)),
            (IStoreFactory, (LocalStoreFactory,)),
            (IStoreHealth, (LocalStore,)),
        ):
            for implementation in implementations:
                verifyClass(interface, implementation, tentative=True)

    def test_refusals(self) -> None:
        """Each change says with which status it is refused."""
        for name in CHANGES:
            method: Any = IStore[name]
            self.assertRegex(method.getDoc(), r"\(\d\d\)|Errors are those of", name)

    def test_unrecorded(self) -> None:
        """The refusal of a close names the changes, and is an internal error."""
        changes = [Change("add", "file", parse(name), SERVER) for name in "ab"]
        lost = UnrecordedChanges("the log is full", changes)
        self.assertEqual(
            (lost.changes, lost.message, lost.status), (tuple(changes), "the log is full", Status.INTERNAL)
        )

    def test_options(self) -> None:
        """Without options everything is allowed, and nothing is recorded."""
        options = StoreOptions()
        self.assertEqual((options.filetypes, options.file_size, options.quota), ((), None, None))
        self.assertIs(options.record_changes, record_nothing)
        record_nothing([])
