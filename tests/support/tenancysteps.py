"""What an account of the tenancy machine may ask for: any call of `IFiles`, on a few names that collide often."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Iterable

import attrs
from hypothesis import strategies as st

from homeftp.endpoint import Endpoint, parse
from homeftp.interfaces import IFiles
from homeftp.model import ABSENT, Entry, WriteRequest

PLACES = ("", "a", "b", "drop", "drop/a", "secret", "secret/a", "Secret/a", "people", "people/ann", "people/ann/tax/a")
OWN_PLACES = ("a/b", "b/a", "tax", "tax/a", "tax/b", "inbox", "inbox/a")
PATHS = st.sampled_from([*PLACES, *OWN_PLACES])
CONTENTS = st.sampled_from([b"", b"one", b"two", b"three" * 10])

HIDDEN = ("people", "secret")
"""Folders of which the account `kid` must not learn anything."""

HIDDEN_PATHS = st.sampled_from(
    [f"{folder}/{name}" for folder in ("people", "secret", "people/ann") for name in ("x", "y", "x/z")]
)


@attrs.frozen
class Step:
    """One call of an account. Paths are relative to its home."""

    what: str
    paths: tuple[str, ...]
    """The paths that it may change, besides directories that are made on the way."""
    call: Callable[[IFiles], Awaitable[Any]]
    reads: Callable[[Any], Iterable[str]] = lambda result: ()
    """The paths that its result tells about."""
    source: tuple[str, ...] = ()
    """The path whose content it uses."""


def told(path: str, names: Iterable[str]) -> list[str]:
    """Names relative to a path as paths."""
    return ["/".join(filter(None, [path, name])) for name in names]


async def listing(files: IFiles, path: str, recursive: bool) -> list[Entry]:
    """All entries."""
    return [entry async for page in files.list(parse(path), recursive) for entry in page.entries]


async def edited(files: IFiles, path: str, content: bytes, precondition: str | None) -> Entry:
    """Append to a file."""
    draft = await files.edit(WriteRequest(endpoint=parse(path), size=None, precondition=precondition))
    try:
        await draft.write(draft.size, content)
        return await draft.commit()
    finally:
        await draft.abort()


async def versions_of(files: IFiles, path: str) -> list[tuple[str, str | None]]:
    """Name and hash of each version; their times differ between two stores."""
    return [(version.name, version.hash) async for page in files.versions(parse(path)) for version in page]


async def restored(files: IFiles, path: str) -> Entry:
    """Put back the newest version."""
    return await files.restore(parse(path), None)


PRECONDITIONS = st.sampled_from([None, None, ABSENT])


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Any call of `IFiles`."""
    path, other = draw(PATHS), draw(PATHS)
    content, condition = draw(CONTENTS), draw(PRECONDITIONS)
    endpoint: Endpoint = parse(path)
    request = WriteRequest(endpoint=endpoint, size=len(content), mtime_us=1_000_000, mode=0o644, precondition=condition)
    recursive = draw(st.booleans())
    return draw(
        st.sampled_from(
            [
                Step("stat", (), lambda files: files.stat(endpoint), lambda entry: [path] if entry else []),
                Step(
                    "list",
                    (),
                    lambda files: listing(files, path, recursive),
                    lambda entries: [path, *told(path, (entry.name for entry in entries))],
                ),
                Step("read", (), lambda files: files.read(endpoint, 1000), lambda content: [path]),
                Step("hash", (), lambda files: files.hash(endpoint), lambda entry: [path]),
                Step(
                    "versions",
                    (),
                    lambda files: versions_of(files, path),
                    lambda found: told(path, (name for name, _ in found)),
                ),
                Step("write", (path,), lambda files: files.write(request, content)),
                Step("make_directory", (path,), lambda files: files.make_directory(attrs.evolve(request, size=0))),
                Step("edit", (path,), lambda files: edited(files, path, content, condition)),
                Step("move", (path, other), lambda files: files.move(endpoint, parse(other))),
                Step("copy", (other,), lambda files: files.copy(endpoint, parse(other)), source=(path,)),
                Step("remove", (path,), lambda files: files.remove(endpoint, None, recursive)),
                Step("restore", (path,), lambda files: restored(files, path)),
                Step("set_metadata", (path,), lambda files: files.set_metadata(endpoint, mtime_us=5, mode=0o600)),
            ]
        )
    )
