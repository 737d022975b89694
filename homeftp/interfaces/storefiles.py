"""The files that a store hands out: one that is open for reading, an upload, and a draft.

They are part of the contract of `IStore`, and `homeftp.testing.StoreContract` tests them with it. Methods may block,
and raise the refusals of `homeftp.errors`; each says which, with its status.
"""

from __future__ import annotations

from typing import Iterator

from zope.interface import Attribute, Interface

from homeftp.model import Entry


class IOpenFile(Interface):
    """A file that is open for reading: a snapshot of the content that it had when it was opened.

    Writing, moving or removing the file through the store does not change
    what is read. For one thread at a time.
    """

    entry: Entry = Attribute("The file when it was opened; `hash` where it is known without reading.")
    content: bytes | None = Attribute("All of it, where it was small enough to be read when it was opened.")

    def read(offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, fewer only at the end.

        Raises `Changed` (44) where another program has shortened the file, and
        `BadRequest` (20) for a negative offset or length.
        """

    def hash_steps() -> Iterator[str | None]:
        """Hash it step by step: None after each, and at last the hash, which the store remembers.

        Raises `Changed` (44) if another program changes the file during the hashing.
        """

    def is_stale() -> bool:
        """Whether something happened to it since it was opened that its size and mtime need not show.

        It may only have another name, or another program has set its mtime
        back, or it was written so shortly before it was opened that its entry
        had no tag: hashing it again tells.
        """

    def close_verified(hash: str | None) -> Entry:
        """Close it and return its entry; `hash`, of all that was read, is remembered where it is given.

        Raises `Changed` (44) where it is no longer what was opened.
        """

    def close() -> None:
        """Close it. May be called twice, and after `close_verified`."""


class IUpload(Interface):
    """A file that is being written from its beginning to its end. For one thread at a time.

    It ends with `commit`, `suspend` or `abort`, or when one of its methods raises, where that says so. Then `write` and
    `commit` raise ValueError. Nothing is visible before `commit`.
    """

    def verify_resumed() -> Iterator[int]:
        """Hash what arrived earlier, step by step: yields how many bytes were hashed. Finish it before any `write`.

        Raises `Changed` (44) where the store has not kept it intact; then the
        upload is aborted.
        """

    def write(data: bytes) -> None:
        """Append the next bytes.

        Raises `ContentMismatch` (45) past the declared size, `TooLarge` (22)
        past the owner's limit; then the upload is aborted. Raises `NoSpace`
        (52); then it is suspended, and nothing that arrived is lost.
        """

    def commit(hash: str | None = None) -> Entry:
        """Check size, hash and precondition, make the content durable, and put it in place.

        `hash` is the one that followed the content, where none was declared.
        Missing parents are made. Raises `ContentMismatch` (45), `Changed` (44),
        `WrongKind` (43), `NoSpace` (52); then the old content stands and the
        upload is aborted.
        """

    def suspend() -> None:
        """Nothing more comes now: keep what arrived, so that a later upload can continue; else as `abort`."""

    def abort() -> None:
        """Discard what was written. May be called twice, and does nothing after `commit` or `suspend`."""


class IDraft(Interface):
    """A file's content that can be read and written at any offset before it is committed. For one thread at a time.

    It ends with `commit` or `abort`; then every method except `abort` raises
    ValueError. Nothing is visible before `commit`. An offset, a length or a size
    that is negative, or is not below 2**63, raises `BadRequest` (20), and the
    draft is unchanged.
    """

    size: int = Attribute("Bytes of the draft now.")

    def read(offset: int, length: int) -> bytes:
        """Up to `length` bytes of the draft at `offset`, fewer only at its end."""

    def write(offset: int, data: bytes) -> None:
        """Replace or append bytes at `offset`; a gap behind the end reads as zeros.

        Raises `TooLarge` (22) past the owner's limit and `NoSpace` (52); then
        the draft is unchanged.
        """

    def truncate(size: int) -> None:
        """Cut the draft to `size` bytes, or extend it with zeros. Raises as `write`."""

    def prepare() -> Iterator[int]:
        """Do step by step the part of `commit` whose time grows with the content, such as hashing it.

        It is called right before `commit`, which does the rest. A step handles about `config.SLICE` bytes, and gives
        their number. A backend whose `commit` is always quick has no steps.
        """

    def commit(*, mtime_us: int | None = ..., mode: int | None = ...) -> Entry:
        """Check the precondition, make the content durable, and put it in place; the old content becomes a version.

        An mtime (microseconds since 1970 UTC) and a mode count instead of those of the request.
        Raises `Changed` (44), `WrongKind` (43), `NoSpace` (52); then the old
        content stands and the draft is aborted.
        """

    def abort() -> None:
        """Discard the draft. May be called twice, and does nothing after `commit`."""


__all__ = ["IDraft", "IOpenFile", "IUpload"]
