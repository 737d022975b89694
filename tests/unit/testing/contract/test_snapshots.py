"""The contract of reading while others write notices stores whose open files and listings change."""

from __future__ import annotations

from typing import Iterator

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.interfaces.store import IOpenFile
from homeftp.model import ListingPage
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.snapshots import SnapshotsContract
from tests.support.contracts import ControlCase


class _Live(BytesFile):
    """Reads what is there now, not what was."""

    store: MemoryStore
    endpoint: Endpoint

    def read(self, offset: int, length: int) -> bytes:
        return MemoryStore.open(self.store, self.endpoint).read(offset, length)


class SnapshotsControls(ControlCase):
    """Each wrong store is caught."""

    contract = SnapshotsContract

    def test_live(self) -> None:
        """An open file that follows its name."""

        class Live(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                file = super().open(endpoint)
                live = _Live(file.entry, b"")
                live.store, live.endpoint = self, endpoint
                return live

        self.assert_caught("test_snapshot", Live)

    def test_counted(self) -> None:
        """Pages that are counted from the start while entries go."""

        class ByNumber(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                start = 0
                while True:
                    entries = [entry for page in super().list(endpoint, recursive, hidden) for entry in page.entries]
                    if start >= len(entries):
                        return
                    yield ListingPage(tuple(entries[start : start + 500]))
                    start += 500

        self.assert_caught("test_list_while_changing", ByNumber)
