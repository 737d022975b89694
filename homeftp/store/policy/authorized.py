"""What one account sees of the share: its home as if that were all, and of that what its rights allow.

What an account may not see is to it as what is not there. What it may see and
not change is refused as forbidden (33), and so is a change where it may see
nothing, whether something is there or not.
"""

from __future__ import annotations

from typing import Callable, Generator, Iterator, Sequence, TypeVar

import attrs
from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Changed, Forbidden, NotFound, Refusal, WrongKind
from homeftp.interfaces import IOpenFile, IStore, IUpload
from homeftp.model import ABSENT, SERVER, Actor, Entry, ListingPage, ResumePoint, Version, WriteRequest
from homeftp.store.policy.rights import ADD, DELETE, READ, REPLACE, Rights

T = TypeVar("T")

_TELLING = (BadEndpoint, Changed, NotFound, WrongKind)
"""What tells of what is there."""


@implementer(IStore)
@attrs.frozen
class AuthorizedStore:
    """`share` beneath `home`, by `rights`. All that is not said here is as `IStore` says it."""

    share: IStore
    home: Endpoint
    rights: Rights
    actor: Actor = attrs.field(default=SERVER, eq=False)
    """Who sees it, and asks for what is changed, unless it is said."""

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed, where it is so."""
        return self.share.read_only

    def _whole(self, endpoint: Endpoint) -> Endpoint:
        """Where that is in the share."""
        return Endpoint((*self.home.parts, *endpoint.parts), len(self.home.parts))

    def _who(self, actor: Actor) -> Actor:
        return self.actor if actor == SERVER else actor

    def _may(self, right: str, endpoint: Endpoint) -> bool:
        return right in self.rights.at(endpoint.parts)

    def _visible(self, endpoint: Endpoint) -> Endpoint:
        """Where that is in the share; raises `NotFound` (40) where it may not be seen."""
        if not self._may(READ, endpoint):
            raise NotFound(f"{_shown(endpoint)} does not exist")
        return self._whole(endpoint)

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """What stands there, if it may be seen."""
        return self.share.stat(self._whole(endpoint)) if self._may(READ, endpoint) else None

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """A file, to read."""
        return self.share.open(self._visible(endpoint))

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        visible = [endpoint for endpoint in endpoints if self._may(READ, endpoint)]
        opened = iter(self.share.open_many([self._whole(endpoint) for endpoint in visible], inline))
        absent = [NotFound(f"{_shown(endpoint)} does not exist") for endpoint in endpoints]
        return [
            next(opened) if self._may(READ, endpoint) else nothing
            for endpoint, nothing in zip(endpoints, absent, strict=True)
        ]

    def list(self, endpoint: Endpoint, recursive: bool) -> Iterator[ListingPage]:
        """A directory's entries, without those that may not be seen."""
        pages = self.share.list(self._visible(endpoint), recursive)
        if self.rights == Rights():
            yield from pages  # there may be a million entries
        for page in pages:
            entries = tuple(entry for entry in page.entries if self._sees(endpoint, entry.name))
            skipped = tuple(each for each in page.skipped if self._sees(endpoint, each[0]))
            if entries or skipped:
                yield ListingPage(entries, skipped)

    def versions(self, endpoint: Endpoint) -> Iterator[Sequence[Version]]:
        """The versions of what may be seen; of what may not there are none, as of what never was."""
        for page in self.share.versions(self._whole(endpoint)) if self._may(READ, endpoint) else ():
            seen = [version for version in page if self._sees(endpoint, version.name)]
            if seen:
                yield seen

    def _sees(self, endpoint: Endpoint, name: str) -> bool:
        return READ in self.rights.at((*endpoint.parts, *name.split("/")) if name else endpoint.parts)

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content has arrived, for whoever may store it there, and see that."""
        rights = self.rights.at(endpoint.parts)
        if READ not in rights or not rights & {ADD, REPLACE}:
            return None
        return self.share.resume_point(self._whole(endpoint), hash, size, mtime_us)

    # -- writing -------------------------------------------------------------------

    def upload(self, put: WriteRequest) -> IUpload:
        """Room for a large file."""
        return self._stored(put, self.share.upload)

    def write_many(self, puts: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together."""
        allowed = [self._allowed(put) for put, _ in puts]
        asked = [
            (ours, content) for ours, (_, content) in zip(allowed, puts, strict=True) if isinstance(ours, WriteRequest)
        ]
        done = iter(self.share.write_many(asked) if asked else ())
        results: list[Entry | Exception] = []
        for ours, (put, _) in zip(allowed, puts, strict=True):
            result = next(done) if isinstance(ours, WriteRequest) else ours
            if isinstance(result, Refusal) and isinstance(ours, WriteRequest):
                result = self._veiled(result, put, ours)
            results.append(result)
        return results

    def make_directory(self, put: WriteRequest) -> Entry:
        """Make a directory, and its parents."""
        return self._stored(put, self.share.make_directory)

    def _stored(self, put: WriteRequest, store: Callable[[WriteRequest], T]) -> T:
        """What `store` gives, as far as it may be done; raises what may be told of why it could not."""
        allowed = self._allowed(put)
        if isinstance(allowed, Forbidden):
            raise allowed
        try:
            return store(allowed)
        except Refusal as refused:
            told = self._veiled(refused, put, allowed)
            if told is refused:
                raise
            raise told from None

    def _allowed(self, put: WriteRequest) -> WriteRequest | Forbidden:
        """It, where it is in the share, with the condition that makes of it what may be done."""
        rights = self.rights.at(put.endpoint.parts)
        if put.offset and READ not in rights:
            return self._forbidden(put.endpoint, "go on with what has arrived")  # it may be somebody else's
        whole = attrs.evolve(put, endpoint=self._whole(put.endpoint), actor=self._who(put.actor))
        if ADD in rights and REPLACE in rights:
            return whole
        if ADD in rights and put.precondition in (None, ABSENT):
            return attrs.evolve(whole, precondition=ABSENT)
        if {READ, REPLACE} <= rights and put.precondition != ABSENT and self.share.stat(whole.endpoint) is not None:
            return whole
        return self._forbidden(put.endpoint, "store this")

    def _veiled(self, refused: Refusal, put: WriteRequest, allowed: WriteRequest) -> Refusal:
        """What may be told of why something could not be stored."""
        if isinstance(refused, Changed) and put.precondition != allowed.precondition:
            return self._forbidden(put.endpoint, "replace what is")
        if isinstance(refused, _TELLING) and not self._may(READ, put.endpoint):
            return self._forbidden(put.endpoint, "store this")
        return refused

    def restore(self, endpoint: Endpoint, at_us: int | None, if_hash: str | None, actor: Actor = SERVER) -> Entry:
        """Put a version in its place."""
        if not self._may(READ, endpoint):
            raise no_version(endpoint, at_us)
        whole = self._whole(endpoint)
        if not {ADD, REPLACE} <= self.rights.at(endpoint.parts):
            raise self._forbidden(endpoint, "put back what was there")
        return self.share.restore(whole, at_us, if_hash, self._who(actor))

    def remove(
        self, endpoint: Endpoint, if_hash: str | None, recursive: bool, actor: Actor = SERVER
    ) -> Generator[int, None, None]:
        """Remove a file, or a directory where all that may be in it may be removed."""
        whole = self._visible(endpoint)
        if DELETE not in self.rights.in_all_of(endpoint.parts):
            raise self._forbidden(endpoint, "remove this")
        yield from self.share.remove(whole, if_hash, recursive, self._who(actor))

    def move(
        self, endpoint: Endpoint, to: Endpoint, if_hash: str | None, if_to: str | None, actor: Actor = SERVER
    ) -> Entry:
        """Give a file or a directory another name, where all of it may be removed here and stored there."""
        whole = self._visible(endpoint)
        if not {READ, DELETE} <= self.rights.in_all_of(endpoint.parts):
            raise self._forbidden(endpoint, "move this")
        there = self.rights.in_all_of(to.parts)
        if ADD not in there or (REPLACE not in there and if_to not in (None, ABSENT)):
            raise self._forbidden(to, "store this")
        asked = if_to if REPLACE in there else ABSENT
        try:
            return self.share.move(whole, self._whole(to), if_hash, asked, self._who(actor))
        except _TELLING as refused:
            if READ not in there and self.share.stat(whole) is not None:
                raise self._forbidden(to, "store this") from refused
            if not isinstance(refused, Changed) or asked == if_to or self.share.stat(self._whole(to)) is None:
                raise
            raise self._forbidden(to, "replace what is") from refused

    def _forbidden(self, endpoint: Endpoint, what: str) -> Forbidden:
        return Forbidden(f"your account may not {what} at {_shown(endpoint)}: the server's owner decides that")


def no_version(endpoint: Endpoint, at_us: int | None) -> NotFound:
    """The refusal where there is no version that could be put back."""
    return NotFound(f"there is no version of {_shown(endpoint)}{'' if at_us is None else ' from that time'}")


def _shown(endpoint: Endpoint) -> str:
    return str(endpoint) or "the top of the share"
