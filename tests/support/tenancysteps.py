"""What an account of the tenancy machine may ask for: any call of `IFiles`, on a few names that collide often."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Iterable, Sequence

import attrs
from hypothesis import strategies as st
from msgspec import structs
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import SMALL_FILE
from homeftp.endpoint import Endpoint, parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import BatchWrite, IFiles, IPayload
from homeftp.model import ABSENT, PRESENT, Entry, ResumePoint, TreeDigest, Verification, WriteRequest

PLACES = ("", "a", "b", "drop", "drop/a", "secret", "secret/a", "Secret/a", "people", "people/ann", "people/ann/tax/a")
OWN_PLACES = ("a/b", "b/a", "tax", "tax/a", "tax/b", "inbox", "inbox/a")
FOLDER_PLACES = ("b/a/x", "B/a", "b/A/x", "people/gran", "people/gran/a", "people/gran/tax/a", "secret/gran/a")
PATHS = st.sampled_from([*PLACES, *OWN_PLACES, *FOLDER_PLACES])
CONTENTS = st.sampled_from([b"", b"one", b"two", b"three" * 10])

HIDDEN_PATHS = st.sampled_from(
    [f"{folder}/{name}" for folder in ("people", "secret", "people/ann") for name in ("x", "y", "x/z")]
    + ["secret/gran/a"]
)

LARGE = b"large" * (SMALL_FILE // 5 + 1)
"""A content that is uploaded piece by piece."""

LARGE_PLACE = "b/a/x"
"""Where it is interrupted and resumed: several accounts may do that there, and collide often."""

PART = len(LARGE) // 2
"""Bytes of it that arrive before the client disconnects."""


Told = Iterable["tuple[str, Entry | None]"]
"""Paths of which something is told, each with what is told of it if that is an entry."""


@attrs.frozen
class Step:
    """One call of an account. Paths are relative to its home."""

    what: str
    """The method of `IFiles`."""
    paths: tuple[str, ...]
    """The paths that it may change, besides directories that are made on the way."""
    call: Callable[[IFiles], Awaitable[Any]]
    reads: Callable[[Any], Told] = lambda result: ()
    """What its result tells."""
    source: tuple[str, ...] = ()
    """The path whose content it uses."""
    leaves_part: bool = False
    """Whether a part of the large content stays, to be resumed by the same account."""
    used_part: Callable[[Any], bool] = lambda result: False
    """Whether its result tells that there was such a part."""
    discards: bool = False
    """Whether it removes versions for good, of files that the account may replace and remove."""
    by_clock: bool = False
    """Whether what it changes depends on times, which are not the same in two stores."""


def disclosed(path: str, names: Iterable[str]) -> Told:
    """Names relative to a path as paths."""
    return [(beneath(path, name), None) for name in names]


def beneath(path: str, name: str) -> str:
    """The path of a name relative to a path."""
    return "/".join(filter(None, [path, name]))


async def listing(files: IFiles, path: str, recursive: bool) -> list[Entry]:
    """All entries."""
    return [entry async for page in files.list(parse(path), recursive) for entry in page.entries]


async def opened(files: IFiles, path: str) -> bytes:
    """The first bytes of a file that stays open until they are read."""
    stream = await files.open(parse(path))
    try:
        return await stream.read(0, min(stream.entry.size, SMALL_FILE))
    finally:
        await stream.close()


async def edited(files: IFiles, path: str, content: bytes, precondition: str | None) -> Entry:
    """Append to a file."""
    draft = await files.edit(WriteRequest(endpoint=parse(path), size=None, precondition=precondition))
    try:
        await draft.write(draft.size, content)
        return await draft.commit()
    finally:
        await draft.abort()


@implementer(IPayload)
class Arriving:
    """A content on its way; with `lost` the client disconnects behind it."""

    def __init__(self, content: bytes, *, lost: bool = False) -> None:
        self.size = len(content)
        self._pieces = [content]
        self._lost = lost

    async def read(self) -> bytes:
        """All of it, once."""
        if not self._pieces and self._lost:
            raise ConnectionLost
        return self._pieces.pop() if self._pieces else b""

    async def read_all(self, limit: int) -> bytes:
        """All of it."""
        return await self.read()


def large(path: str, precondition: str | None = None, offset: int = 0) -> WriteRequest:
    """The request for the large content."""
    hash = hash_bytes(LARGE)
    return WriteRequest(endpoint=parse(path), size=len(LARGE), hash=hash, precondition=precondition, offset=offset)


async def uploaded(files: IFiles, path: str, precondition: str | None) -> Entry:
    """Upload it whole."""
    return await files.upload(large(path, precondition), Arriving(LARGE))


async def interrupted(files: IFiles, path: str) -> None:
    """Begin to upload it, and disconnect."""
    try:
        await files.upload(large(path), Arriving(LARGE[:PART], lost=True))
    except ConnectionLost:
        return
    raise AssertionError("an upload was complete whose client had disconnected")


async def resumed(files: IFiles, path: str) -> tuple[Entry | None, ResumePoint | None]:
    """Upload the rest of what was interrupted, if the server says that there is something; what it said, at the end."""
    found = await files.stat_with_resume(parse(path), hash_bytes(LARGE), None, None)
    if found[1] is not None:
        await files.upload(large(path, offset=found[1].size), Arriving(LARGE[found[1].size :]))
    return found


async def seized(files: IFiles, path: str) -> Entry:
    """Upload the rest without asking: what somebody does who has only that."""
    return await files.upload(large(path, offset=PART), Arriving(LARGE[PART:]))


async def versions_of(files: IFiles, path: str) -> list[tuple[str, str | None]]:
    """Name and hash of each version; their times differ between two stores."""
    return [(version.name, version.hash) async for page in files.versions(parse(path)) for version in page]


async def verified(files: IFiles, path: str) -> Verification:
    """All that a verification tells."""
    return Verification.total([step async for step in files.verify(parse(path))])


async def digested(files: IFiles, path: str) -> TreeDigest:
    """What a directory amounts to."""
    *_, digest = [step async for step in files.tree_digest(parse(path))]
    assert isinstance(digest, TreeDigest)
    return digest


async def restored(files: IFiles, path: str) -> Entry:
    """Put back the newest version."""
    return await files.restore(parse(path), None)


async def written_together(files: IFiles, request: WriteRequest, content: bytes) -> Entry:
    """Write a file as the only one of a batch."""
    [result] = await files.write_batch(lambda most: [BatchWrite(request, content)])
    if isinstance(result, Exception):
        raise result
    return result


async def read_together(files: IFiles, path: str) -> bytes:
    """Read a file as the only one of a batch."""
    [[result]] = [results async for results in files.read_batch([parse(path)], list)]
    if isinstance(result, Exception):
        raise result
    return result.content


async def planned_restore(files: IFiles, path: str) -> list[str]:
    """The names of what would be put back."""
    steps = [step async for step in files.restore_tree(parse(path), None, dry_run=True)]
    return [each.name for step in steps for each in step.reverted]


async def restored_tree(files: IFiles, path: str) -> list[str]:
    """Put back what was there before the first change that is known; the names of what was changed."""
    times = [version.at_us async for page in files.versions(parse(path)) for version in page]
    steps = [step async for step in files.restore_tree(parse(path), min(times, default=None))]
    return [each.name for step in steps for each in step.reverted]


async def pruned(files: IFiles, path: str) -> list[str]:
    """Remove all versions; the names of files that had some."""
    steps = [step async for step in files.prune(parse(path))]
    return sorted(each.name for step in steps for each in step.pruned)


async def planned_prune(files: IFiles, path: str) -> list[str]:
    """The names of files whose versions would be removed."""
    steps = [step async for step in files.prune(parse(path), dry_run=True)]
    return sorted(each.name for step in steps for each in step.pruned)


PRECONDITIONS = st.sampled_from([None, None, ABSENT, PRESENT, hash_bytes(b"one")])


async def known_new(files: IFiles, path: str) -> bool:
    """Whether nothing has this name, as SFTP asks: a job finds out what is not known at once."""
    return files.is_new(parse(path)) or await files.stat(parse(path)) is None


def calls(path: str, other: str, content: bytes, conditions: Sequence[str | None], recursive: bool) -> list[Step]:
    """Every call of `IFiles` for these values; what undoes or discards much is planned too."""
    endpoint: Endpoint = parse(path)
    at, to = conditions
    request = WriteRequest(endpoint=endpoint, size=len(content), mtime_us=1_000_000, mode=0o644, precondition=at)
    return [
        Step("stat", (), lambda files: files.stat(endpoint), lambda entry: [(path, entry)] if entry else []),
        Step("is_new", (), lambda files: known_new(files, path), lambda new: [] if new else [(path, None)]),
        Step(
            "list",
            (),
            lambda files: listing(files, path, recursive),
            lambda entries: [(path, None), *((beneath(path, entry.name), entry) for entry in entries)],
        ),
        Step("open", (), lambda files: opened(files, path), lambda content: [(path, None)]),
        Step("read", (), lambda files: files.read(endpoint, 1000), lambda content: [(path, None)]),
        Step("hash", (), lambda files: files.hash(endpoint), lambda entry: [(path, entry)]),
        Step(
            "versions",
            (),
            lambda files: versions_of(files, path),
            lambda all: disclosed(path, (name for name, _ in all)),
        ),
        Step(
            "verify",
            (),
            lambda files: verified(files, path),
            lambda done: [(path, None), *disclosed(path, (each.name for each in done.damages))],
        ),
        Step("tree_digest", (), lambda files: digested(files, path), lambda digest: [(path, None)]),
        Step("space", (), lambda files: files.space()),
        Step("write", (path,), lambda files: files.write(request, content)),
        Step("write_batch", (path,), lambda files: written_together(files, request, content)),
        Step("read_batch", (), lambda files: read_together(files, path), lambda content: [(path, None)]),
        Step("restore_tree", (), lambda files: planned_restore(files, path), lambda names: disclosed(path, names)),
        Step("prune", (), lambda files: planned_prune(files, path), lambda names: disclosed(path, names)),
        Step(
            "restore_tree",
            (path,),
            lambda files: restored_tree(files, path),
            lambda names: disclosed(path, names),
            by_clock=True,
        ),
        Step("prune", (path,), lambda files: pruned(files, path), lambda names: disclosed(path, names), discards=True),
        Step("upload", (path,), lambda files: uploaded(files, path, at)),
        Step("upload", (LARGE_PLACE,), lambda files: interrupted(files, LARGE_PLACE), leaves_part=True),
        Step("upload", (LARGE_PLACE,), lambda files: seized(files, LARGE_PLACE), used_part=lambda entry: True),
        Step(
            "stat_with_resume",
            (LARGE_PLACE,),
            lambda files: resumed(files, LARGE_PLACE),
            lambda found: [(LARGE_PLACE, found[0])] if found[0] else [],
            used_part=lambda found: found[1] is not None,
        ),
        Step("make_directory", (path,), lambda files: files.make_directory(structs.replace(request, size=0))),
        Step("edit", (path,), lambda files: edited(files, path, content, at)),
        Step(
            "move",
            (path, other),
            lambda files: files.move(endpoint, parse(other), source_precondition=at, target_precondition=to),
        ),
        Step(
            "copy",
            (other,),
            lambda files: files.copy(endpoint, parse(other), source_precondition=at, target_precondition=to),
            source=(path,),
        ),
        Step("remove", (path,), lambda files: files.remove(endpoint, at, recursive)),
        Step("restore", (path,), lambda files: restored(files, path)),
        Step(
            "set_metadata",
            (path,),
            lambda files: files.set_metadata(endpoint, mtime_us=5, mode=0o600, precondition=at),
        ),
    ]


@st.composite
def steps(draw: st.DrawFn, chosen: Callable[[Step], bool] = lambda step: True) -> Step:
    """Any chosen call of `IFiles`."""
    conditions = draw(PRECONDITIONS), draw(PRECONDITIONS)
    every = calls(draw(PATHS), draw(PATHS), draw(CONTENTS), conditions, draw(st.booleans()))
    return draw(st.sampled_from([step for step in every if chosen(step)]))
