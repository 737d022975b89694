"""Reads files and versions again, step by step, marks what is damaged, and has it mended."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Callable, ContextManager, Generator, Iterator, Sequence

import msgspec

from homeftp.config import LISTING_PAGE_BYTES, SLICE
from homeftp.endpoint import RESERVED, Endpoint, FolderSet, name_problem
from homeftp.errors import Internal, NotFound, Refusal, WrongKind
from homeftp.hashing.hashcache import UNREADABLE, CachedHash, HashCache, KnownHash
from homeftp.model import ONLY_MARKED, SERVER, Change, Damage, ListingPage, Verification, damage_kind
from homeftp.store.local.disk import errnos
from homeftp.store.local.disk.entries import kind_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.integrity.mender import Mender
from homeftp.store.local.integrity.reread import Reading, reread
from homeftp.store.local.versions.catalog import StoredVersion, VersionFinder
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import entry_cost
from homeftp.store.policy.wording import display_path, not_found
from homeftp.syscalls import System

STEP_FILES = 16
"""Files that one step reads, at most: each takes 0.1 ms of a processor, and may have to be found on a hard disk. Each
has two parts, its content and its judgement; one that was read already has one."""

STEP_NAMES = LISTING_PAGE_BYTES // 8
"""Bytes of the names that one step reports, besides one page of skipped ones: what it reports fits on a line."""

_NAMES_READ = Verification()
"""A part that ends a step: names were read for as long as some files take, and none of them was found."""

FAILING_FILES = 100
"""Files in a row that cannot be read, after which it is the disk that fails: reading on would only mark them all."""

Walk = Callable[[Endpoint, FolderSet], Iterator[ListingPage]]
"""Lists everything beneath a directory."""


class _Item(msgspec.Struct, frozen=True):
    """A file or a version that is to be read."""

    endpoint: Endpoint
    name: str
    """Relative to what was asked for."""
    version: StoredVersion | None
    directory: str
    """Its directory as the key of the hash cache."""
    file: str
    """Its name there."""
    open: Callable[[], ContextManager[int]]
    stat: Callable[[], os.stat_result | None]

    @property
    def at_us(self) -> int | None:
        """The time of a version."""
        return None if self.version is None else self.version.at_us


class Verifier(msgspec.Struct, frozen=True):
    """Verifies what is in one store. Thread-safe."""

    root: SafeRoot
    cache: HashCache
    filetypes: Filetypes
    system: System
    walk: Walk
    versions: VersionFinder
    mender: Mender | None
    """None: what is damaged is only marked."""
    changelog: ChangeLog

    def verify(
        self, endpoint: Endpoint, since_us: int, hidden: FolderSet, *, from_others: bool = True
    ) -> Iterator[Verification]:
        """Read everything at an endpoint and beneath it, as `IStore.verify`.

        Without `from_others` a file is mended only from its own versions: somebody asks who may not see the others.
        """
        run = _VerifyRun(self, since_us, from_others)
        try:
            for part in self._parts(run, endpoint, hidden):
                run.add(part)
                if part is _NAMES_READ or run.is_full:
                    yield run.step()
            yield run.step()
        finally:
            run.flush()

    def _parts(self, run: _VerifyRun, endpoint: Endpoint, hidden: FolderSet) -> Iterator[Verification]:
        found = self.root.stat(endpoint)
        try:
            if found is not None:
                yield from self._files(run, endpoint, found, hidden)
            read = yield from self._read_versions(run, endpoint, hidden)
        except OSError as error:
            raise refusal(error, endpoint) from error
        if found is None and not read:
            raise not_found(endpoint)

    def _files(
        self, run: _VerifyRun, endpoint: Endpoint, found: os.stat_result, hidden: FolderSet
    ) -> Iterator[Verification]:
        if kind_of(endpoint, found) == "file":
            self.filetypes.check(endpoint)
            yield from run.read(self._file(endpoint, ""))
            return
        for page in self.walk(endpoint, hidden):
            if page.skipped:
                yield Verification(skipped=page.skipped)
            for entry in page.entries:
                if entry.kind == "file":
                    below = endpoint.at(entry.name)
                    yield from run.read(self._file(below, entry.name))
            if not page.entries:
                yield _NAMES_READ

    def _read_versions(
        self, run: _VerifyRun, endpoint: Endpoint, hidden: FolderSet
    ) -> Generator[Verification, None, bool]:
        """Read the versions; whether there are any, as far as that can be known."""
        found = False
        try:
            for versions in self.versions.find_some(endpoint, below=True, hidden=hidden):
                for version in self._offered(versions, len(endpoint.parts)):
                    found = True
                    yield from run.read(version)
                if not versions:
                    yield _NAMES_READ
        except PermissionError as error:
            yield Verification(skipped=((f"{RESERVED}/versions", refusal(error, endpoint).message),))
        return found

    def _file(self, endpoint: Endpoint, name: str) -> _Item:
        @contextlib.contextmanager
        def opened() -> Iterator[int]:
            directory = self.root.open_for_lookup(endpoint.parent)
            try:
                fd, _ = self.root.open_file_in(directory, endpoint)
            finally:
                close_quietly(directory)
            try:
                yield fd
            finally:
                close_quietly(fd)

        directory = self.root.cache_path(endpoint.parent)
        return _Item(endpoint, name, None, directory, endpoint.name, opened, lambda: self.root.stat(endpoint))

    def _offered(self, versions: Sequence[StoredVersion], depth: int) -> Iterator[_Item]:
        for each in versions:
            if any(map(name_problem, each.endpoint.parts)) or self.filetypes.problem(each.endpoint.name):
                continue
            yield self._version(each, depth)

    def _version(self, version: StoredVersion, depth: int) -> _Item:
        return _Item(
            version.endpoint,
            "/".join(version.endpoint.parts[depth:]),
            version,
            self.versions.folders.cache_path(version.mount, version.names),
            os.fsdecode(version.file),
            lambda: self.versions.open_file(version),
            lambda: version.found,
        )


class _VerifyRun:
    """One verification, for one thread at a time."""

    def __init__(self, verifier: Verifier, since_us: int, from_others: bool) -> None:
        self._verifier = verifier
        self._since_us = since_us
        self._from_others = from_others
        self._parts: list[Verification] = []
        self._read: list[CachedHash] = []
        self._failing = 0

    # -- steps ---------------------------------------------------------------------

    def add(self, part: Verification) -> None:
        """Count what was done."""
        self._parts.append(part)

    @property
    def is_full(self) -> bool:
        """Whether a step has done enough."""
        done = Verification.total(self._parts)
        reported = (*(damage.name for damage in done.damages), *(name for name, _ in done.skipped))
        return (
            len(self._parts) >= 2 * STEP_FILES
            or done.size >= SLICE
            or sum(entry_cost(name) for name in reported) >= STEP_NAMES
        )

    def step(self) -> Verification:
        """The results since the last step, recorded."""
        self.flush()
        done, self._parts = Verification.total(self._parts), []
        return done

    def flush(self) -> None:
        """Remember what was read well."""
        rows, self._read = self._read, []
        read_us = self._verifier.system.wall_us()
        self._verifier.cache.record_reads(row._replace(read_us=read_us) for row in rows)

    # -- one file ------------------------------------------------------------------

    def read(self, item: _Item) -> Iterator[Verification]:
        """Read a file or a version, and judge it."""
        began_ns = time.time_ns()
        found: os.stat_result | None = None
        known: KnownHash | None = None
        try:
            with item.open() as fd:
                found = os.fstat(fd)
                known = self._known(item, found)
                if self._is_left_out(known):
                    yield Verification()
                    return
                change_time = self._verifier.root.disks.of(found.st_dev).change_time
                reading = yield from reread(self._verifier.system, fd, found, known, change_time)
        except (NotFound, WrongKind, FileNotFoundError):
            return  # it was removed, or replaced by something else, meanwhile
        except (Refusal, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            found = item.stat()
            if not isinstance(cause, OSError) or cause.errno not in errnos.NOT_READ or found is None:
                reason = error.message if isinstance(error, Refusal) else refusal(error, item.endpoint).message
                yield Verification(skipped=((item.name or display_path(item.endpoint), reason),))
                return
            known = self._known(item, found)
            reading = Reading(UNREADABLE)
        yield Verification(files=1) if item.at_us is None else Verification(versions=1)
        if reading.damage:
            yield from self._damaged(item, found, known, reading, began_ns)
        elif reading.hash is not None:
            self._failing = 0
            self._read.append(CachedHash(item.directory, item.file, found, reading.hash, began_ns))

    def _is_left_out(self, known: KnownHash | None) -> bool:
        """Whether a file of which this is known is not read this time."""
        if self._since_us == ONLY_MARKED:
            return known is None or not known.damage
        return known is not None and known.read_us >= self._since_us > 0

    def _known(self, item: _Item, found: os.stat_result) -> KnownHash | None:
        if not stat.S_ISREG(found.st_mode):
            return None
        return self._verifier.cache.known_file(item.directory, item.file, found)

    def _damaged(
        self, item: _Item, found: os.stat_result, known: KnownHash | None, reading: Reading, began_ns: int
    ) -> Iterator[Verification]:
        """Mark it before anything else: what comes then may be interrupted."""
        damage, content_hash = reading.damage, known.hash if known is not None else ""
        row = CachedHash(item.directory, item.file, found, content_hash, began_ns, damage, reading.hash or "")
        if self._verifier.cache.mark(row._replace(read_us=self._verifier.system.wall_us())):
            self._record(item, found, content_hash)  # a reader that met it records nothing
        mended = False
        is_certain = damage == UNREADABLE or (known is not None and known.is_certain)
        if content_hash and is_certain and self._verifier.mender is not None:
            mended = yield from self._verifier.mender.mend(
                item.endpoint, item.version, content_hash, found, from_others=self._from_others
            )
        yield Verification(damages=(Damage(item.name, damage_kind(damage), content_hash or None, item.at_us, mended),))
        self._failing = self._failing + 1 if damage == UNREADABLE else 0
        if self._failing >= FAILING_FILES:
            raise Internal("the server's disk fails at one file after another: nothing more was read")

    def _record(self, item: _Item, found: os.stat_result, content_hash: str) -> None:
        kind = "file" if item.at_us is None else "version"
        with self._verifier.changelog.changing() as record:
            change = Change("damage", kind, item.endpoint, SERVER, size=found.st_size, hash=content_hash or None)
            record(change)
