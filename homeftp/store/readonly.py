"""A store that cannot be changed: a backend adds `stat`, `open` and `list`."""

from __future__ import annotations

from typing import Generator, Iterator, Sequence

from homeftp.endpoint import Endpoint
from homeftp.errors import Forbidden
from homeftp.interfaces.store import IDraft, IUpload, SpaceReport
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.basic import BasicStore
from homeftp.store.policy.wording import read_only


class ReadOnlyStore(BasicStore):
    """Refuses every change with `Forbidden` (33), for the reason `read_only`."""

    def __init__(self, reason: str) -> None:
        self.read_only: str | None = reason

    def bind(self, actor: Actor) -> ReadOnlyStore:
        """Itself: nothing is ever recorded."""
        return self

    def space(self) -> SpaceReport:
        """Nothing can be stored."""
        return SpaceReport(free=0)

    def upload(self, request: WriteRequest) -> IUpload:
        """Refuse the upload."""
        raise self._refusal

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Refuse each of the files."""
        return [self._refusal for _ in requests]

    def edit(self, request: WriteRequest) -> IDraft:
        """Refuse the edit."""
        raise self._refusal

    def make_directory(self, request: WriteRequest) -> Entry:
        """Refuse the new directory."""
        raise self._refusal

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Refuse the change of metadata."""
        raise self._refusal

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Refuse the copy."""
        raise self._refusal

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Refuse the move."""
        raise self._refusal

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Refuse the removal."""
        raise self._refusal

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Refuse to put a version back."""
        raise self._refusal

    @property
    def _refusal(self) -> Forbidden:
        return read_only(self.read_only or "")
