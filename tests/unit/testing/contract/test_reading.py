"""The contract of reading notices stores that read wrongly."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence

from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import WrongKind
from homeftp.hashing.treedigest import TreeDigester
from homeftp.interfaces.store import IOpenFile
from homeftp.model import Entry, ListingPage
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import Node
from homeftp.testing.contract.reading import ReadingContract
from tests.support.contracts import ControlCase


class ReadingControls(ControlCase):
    """Each wrong store is caught."""

    contract = ReadingContract

    def test_order(self) -> None:
        """Listings that are sorted as whole paths, by UTF-16, or not at all."""

        class AsPaths(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                entries = [entry for page in super().list(endpoint, recursive, hidden) for entry in page.entries]
                yield ListingPage(tuple(sorted(entries, key=lambda entry: entry.name.encode())))

        class Backwards(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                for page in super().list(endpoint, recursive, hidden):
                    yield ListingPage(page.entries[::-1])

        class ByUtf16(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                entries = [entry for page in super().list(endpoint, recursive, hidden) for entry in page.entries]
                key = {entry.name: [part.encode("utf-16-be") for part in entry.name.split("/")] for entry in entries}
                yield ListingPage(tuple(sorted(entries, key=lambda entry: key[entry.name])))

        self.assert_caught("test_order", AsPaths)
        self.assert_caught("test_order", ByUtf16)
        self.assert_caught("test_order", Backwards)

    def test_facts(self) -> None:
        """Listings with the hash, the time, the mode or the size of something else."""

        def changing(**fields: Any) -> type[MemoryStore]:
            class Wrong(MemoryStore):
                def _item(self, name: str, node: Node) -> Entry | tuple[str, str]:
                    item = super()._item(name, node)
                    return structs.replace(item, **fields) if isinstance(item, Entry) else item

            return Wrong

        for fields in ({"hash": "sha256:" + "0" * 64}, {"mtime_us": 1}, {"mode": 0}, {"size": 99}):
            self.assert_caught("test_list_facts", changing(**fields))

    def test_digests(self) -> None:
        """Digests of nothing, digests with what they are about, an entry that is missing, and hidden ones."""
        nothing = TreeDigester().digest()

        def changing(change: Callable[[list[Entry]], list[Entry]]) -> type[MemoryStore]:
            class Wrong(MemoryStore):
                def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
                    entries = [entry for page in self.list(endpoint, True, hidden) for entry in page.entries]
                    yield ListingPage(tuple(change(entries)))

            return Wrong

        def wrong(entries: list[Entry]) -> list[Entry]:
            return [structs.replace(each, digests=nothing) for each in entries if "/" not in each.name]

        for change in (
            wrong,
            lambda entries: [structs.replace(each, digests=nothing) for each in entries],
            lambda entries: [Entry("", "directory", digests=nothing)],
            lambda entries: entries[1:],
        ):
            self.assert_caught("test_list_for_digests", changing(change))

        class NotHidden(MemoryStore):
            def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
                return self.list(endpoint, True)

        self.assert_caught("test_list_for_digests", NotHidden)

    def test_pages(self) -> None:
        """A page for everything."""

        class OnePage(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                yield ListingPage(
                    tuple(entry for page in super().list(endpoint, recursive, hidden) for entry in page.entries)
                )

        self.assert_caught("test_pages", OnePage)

    def test_hidden(self) -> None:
        """A listing that leaves nothing out, and one that leaves it out of pages that were made before."""

        class Careless(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                return super().list(endpoint, recursive)

        class Late(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                for page in super().list(endpoint, recursive):
                    shown = [
                        each for each in page.entries if not hidden.covers((*endpoint.parts, *each.name.split("/")))
                    ]
                    yield ListingPage(tuple(shown))

        self.assert_caught("test_hidden", Careless)
        self.assert_caught("test_hidden", Late)

    def test_places(self) -> None:
        """A folder that is nowhere, and one that is only somewhere else."""

        class Nowhere(MemoryStore):
            def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
                return ()

        class Elsewhere(MemoryStore):
            def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
                return (parse("elsewhere"), folder)

        self.assert_caught("test_places", Nowhere)
        self.assert_caught("test_places", Elsewhere)

    def test_eager(self) -> None:
        """A listing that refuses before its first step, and one of a file that is empty."""

        class Eager(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                return iter(list(super().list(endpoint, recursive, hidden)))

        class Lenient(MemoryStore):
            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                found = self.stat(endpoint)
                return iter(()) if found is None or found.kind == "file" else super().list(endpoint, recursive, hidden)

        self.assert_caught("test_list_refused", Eager)
        self.assert_caught("test_list_refused", Lenient)

    def test_all_or_nothing(self) -> None:
        """Many that are opened, or looked up, only if all of them can be; results in another order."""

        class AllAtOnce(MemoryStore):
            def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
                return [self.open(endpoint) for endpoint in endpoints]

        class Sorted(MemoryStore):
            def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
                return super().stat_many(sorted(endpoints))

        class StatsTogether(MemoryStore):
            def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
                return [self.stat(endpoint) for endpoint in endpoints]

        class OpensFiles(MemoryStore):
            def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
                opened = super().open_many(endpoints, inline)
                for each in opened:
                    if isinstance(each, WrongKind):
                        raise each
                return opened

        class Shifted(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                file = super().open(endpoint)
                read = file.read
                file.read = lambda offset, length: read(max(0, offset), max(0, length))  # type: ignore[method-assign]
                return file

        self.assert_caught("test_many_refused", StatsTogether)
        self.assert_caught("test_many_refused", OpensFiles)
        self.assert_caught("test_read", Shifted)
        self.assert_caught("test_open_many", AllAtOnce)
        self.assert_caught("test_stat_many", Sorted)

    def test_unlike_the_interface(self) -> None:
        """A method with other parameters than its interface has."""

        class Other(MemoryStore):
            def stat(self, path: Endpoint) -> Entry | None:
                return super().stat(path)

            def list(self, endpoint: Endpoint) -> Iterator[ListingPage]:  # type: ignore[override]
                return super().list(endpoint, False)

        self.assert_caught("test_interfaces", Other)

    def test_wrong_answers(self) -> None:
        """A root that does not exist; sizes that are lost; offsets and hashes that are wrong; directories that open."""

        class NoRoot(MemoryStore):
            def stat(self, endpoint: Endpoint) -> Entry | None:
                return super().stat(endpoint) if endpoint.parts else None

        class NoSize(MemoryStore):
            def stat(self, endpoint: Endpoint) -> Entry | None:
                found = super().stat(endpoint)
                return found and structs.replace(found, size=0)

        class FromTheStart(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                file = super().open(endpoint)
                read = file.read
                file.read = lambda offset, length: read(0, length)  # type: ignore[method-assign]
                return file

        class WrongHash(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                return BytesFile(structs.replace(super().open(endpoint).entry, hash="sha256:0"), b"")

        class OpensAll(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                found = self.stat(endpoint)
                return BytesFile(found, b"") if found and found.kind == "directory" else super().open(endpoint)

        self.assert_caught("test_empty", NoRoot)
        self.assert_caught("test_stat", NoSize)
        self.assert_caught("test_read", FromTheStart)
        self.assert_caught("test_hash", WrongHash)
        self.assert_caught("test_open_refused", OpensAll)
