"""Common parts of the store contract's tests: they make stores, and say in one line what they do with them."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence, TypeVar

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import FiletypeNotAllowed, Refusal
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import Entry, Version, WriteRequest

R = TypeVar("R", bound=Refusal)
T = TypeVar("T")

if TYPE_CHECKING:
    Mixin = SynchronousTestCase
else:
    Mixin = object  # trial would run it by itself otherwise

NOT_FOR_PEOPLE = (
    *("if_hash", "if_to", "rel_endpoint", "meta_data", "mtime_us", "content_length", "recursive", "request_type"),
    *("errno", "ctime", "inode", "st_", "fd ", "NotImplemented"),
)
"""Words that no message of a store has: parameters of one front end, and what only the backend knows."""


def sha(content: bytes) -> str:
    """The hash of a content, as stores have it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def request(path: str, **fields: Any) -> WriteRequest:
    """A write request for a path."""
    return WriteRequest(endpoint=parse(path), **fields)


class ContractCase(Mixin):
    """Makes a store for each test, with `options` and what the test adds to them."""

    options = StoreOptions()
    """The options that this run of the suite is about. Files of the suite are named `….txt`, and small."""

    def make_store(self, options: StoreOptions) -> IStore:
        """An empty store; every test makes its own. The tests of a backend define this method."""
        raise NotImplementedError("write make_store: it returns an empty store with these options")

    def reopen_store(self, store: IStore, options: StoreOptions) -> IStore | None:
        """The same store after a restart, with other options; None where nothing survives one. `store` is closed."""
        return None

    def make_read_only_store(self, files: Mapping[str, bytes], options: StoreOptions) -> IStore | None:
        """A store that cannot be changed, with the contents of these paths; None where there is no such thing."""
        return None

    def maintain_later(self, store: IStore, seconds: float) -> bool:
        """Call `maintain` as if that many seconds had passed. False where the tests of a backend cannot do that."""
        return False

    def damage_file(self, store: IStore, path: str, content: bytes) -> bool:
        """Have a file lose its content for another one of that size, as a failing disk does it: unnoticed.

        False where the tests of a backend cannot do that.
        """
        return False

    def with_options(self, **options: Any) -> StoreOptions:
        """The options of this run, with others for some of them."""
        return structs.replace(self.options, **options)

    def store(self, **options: Any) -> IStore:
        """An empty store that is closed after the test."""
        store = self.make_store(self.with_options(**options))
        self.addCleanup(store.close)
        return store

    def filled(self, files: Mapping[str, bytes], **options: Any) -> IStore:
        """A store with the contents of these paths, for tests that only read; it is closed after the test."""
        store = self.store(**options)
        requests = [(request(path, size=len(content)), content) for path, content in files.items()]
        self.assertEqual([each for each in store.write_many(requests) if isinstance(each, Exception)], [])
        return store

    def write(self, store: IStore, path: str, content: bytes, **fields: Any) -> Entry:
        """Write one file; raises what refuses it."""
        (result,) = store.write_many([(request(path, size=len(content), **fields), content)])
        if isinstance(result, Exception):
            raise result
        return result

    def upload(self, store: IStore, path: str, content: bytes, **fields: Any) -> Entry:
        """Upload one file; raises what refuses it."""
        upload = store.upload(request(path, **{"size": len(content), **fields}))
        try:
            for start in range(0, len(content), 256 * 1024):
                upload.write(content[start : start + 256 * 1024])
            return upload.commit()
        finally:
            upload.abort()

    def remove(self, store: IStore, path: str, precondition: str | None = None, *, recursive: bool = False) -> int:
        """Remove something to the end; returns how many entries went."""
        return sum(store.remove(parse(path), precondition, recursive))

    def move(self, store: IStore, source: str, target: str, of: str | None = None, at: str | None = None) -> Entry:
        """Move something, on conditions of the source and at the target."""
        return store.move(parse(source), parse(target), of, at)

    def copy(self, store: IStore, source: str, target: str, of: str | None = None, at: str | None = None) -> Entry:
        """Copy a file, on conditions of the source and at the target."""
        *_, entry = store.copy(parse(source), parse(target), source_precondition=of, target_precondition=at)
        if not isinstance(entry, Entry):
            self.fail(f"the last step of a copy must give its entry, and gave {entry!r}")
        return entry

    def content(self, store: IStore, path: str) -> bytes:
        """The whole content of a file."""
        file = store.open(parse(path))
        try:
            return file.read(0, file.entry.size + 1)
        finally:
            file.close()

    def metadata(self, store: IStore, path: str) -> tuple[int | None, int | None]:
        """The time and the mode of what is there."""
        found = store.stat(parse(path))
        assert found is not None
        return found.mtime_us, found.mode

    def listed(self, store: IStore, endpoint: Endpoint = ROOT, *, recursive: bool = True) -> list[Entry]:
        """All entries of a directory."""
        return [entry for page in store.list(endpoint, recursive) for entry in page.entries]

    def names(self, store: IStore, endpoint: Endpoint = ROOT, *, recursive: bool = True) -> list[str]:
        """The names in a directory, in their order."""
        return [entry.name for entry in self.listed(store, endpoint, recursive=recursive)]

    def tree(self, store: IStore) -> dict[str, bytes | None]:
        """Everything that exists: contents of files, and None for directories."""
        return {
            entry.name: self.content(store, entry.name) if entry.kind == "file" else None
            for entry in self.listed(store)
        }

    def kept(self, store: IStore, path: str = "") -> list[Version]:
        """All versions of a file, or beneath a directory."""
        return [version for page in store.versions(parse(path)) for version in page]

    def assert_refused(self, kind: type[R], act: Callable[..., object], *args: Any, **kwargs: Any) -> R:
        """`act` raises a refusal of that kind, in words that a person can act on."""
        refused: R = self.assertRaises(kind, act, *args, **kwargs)
        self.assert_for_people(refused)
        return refused

    def assert_for_people(self, refused: Refusal) -> None:
        """A refusal is one line, and has no word of a front end's parameters or of the backend's insides."""
        self.assertEqual([word for word in NOT_FOR_PEOPLE if word in refused.message], [], refused.message)
        self.assertTrue(refused.message and "\n" not in refused.message, refused.message)

    def assert_skipped(self, store: IStore) -> None:
        """A store with "a.exe" and "b.txt", whose owner allows ".txt", offers only the second."""
        (page,) = store.list(ROOT, False)
        self.assertEqual([entry.name for entry in page.entries], ["b.txt"])
        self.assertEqual([name for name, _ in page.skipped], ["a.exe"])
        self.assert_refused(FiletypeNotAllowed, store.open, parse("a.exe"))
        self.assert_refused(FiletypeNotAllowed, store.stat, parse("a.exe"))

    def together(self, acts: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Call all at the same moment, each in a thread; what each returned or raised."""
        results: list[T | Exception] = [RuntimeError("it never ended")] * len(acts)
        barrier = threading.Barrier(len(acts))

        def run(number: int) -> None:
            barrier.wait(60)
            try:
                results[number] = acts[number]()
            except Exception as error:  # noqa: BLE001 (the test looks at it)
                results[number] = error

        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results
