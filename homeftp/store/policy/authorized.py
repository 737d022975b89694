"""What one account sees of a store: its home folder as if that were everything, limited by its rights.

What an account may not see does not exist for it. What it may see but not
change is refused as forbidden (33), and so is every change where it may see
nothing, whether something exists there or not: a refusal tells nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Generator, Iterator, Sequence, TypeVar

import attrs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import BadEndpoint, Changed, Forbidden, NotFound, Refusal, WrongKind
from homeftp.interfaces import IDraft, IOpenFile, IStore, IUpload
from homeftp.model import (
    ABSENT,
    PRESENT,
    SERVER,
    Actor,
    Allotment,
    Capabilities,
    Entry,
    ListingPage,
    ResumePoint,
    Version,
    WriteRequest,
)
from homeftp.store.policy.disclosure import Disclose, DisclosedDraft, DisclosedUpload, disclosing
from homeftp.store.policy.limits import check_not_root, check_removable
from homeftp.store.policy.outcomes import results_of
from homeftp.store.policy.rights import ADD, DELETE, READ, REPLACE, Rights
from homeftp.store.policy.wording import display_path, no_version, not_found, unsupported

T = TypeVar("T")

_REVEALING = (BadEndpoint, Changed, NotFound, WrongKind)
"""Refusals that tell what exists at an endpoint."""


@implementer(IStore)
@attrs.frozen
class AuthorizedStore:
    """The part of `store` beneath `home`, limited by `rights`. Everything else is as `IStore` says.

    Two that show the same part with the same rights to the same account are equal, whatever its device:
    their writes can be grouped, with the actor in each `WriteRequest`.
    """

    store: IStore = attrs.field(eq=id)
    home: Endpoint
    rights: Rights
    actor: Actor = attrs.field(default=SERVER, eq=False)
    """The actor that changes are recorded for."""
    quota: int | None = None
    """Bytes that may be beneath `home`; None: no limit."""
    _account: str | None = attrs.field(init=False)
    """The actor's account: no other continues its partial uploads."""

    @_account.default
    def _account_of_actor(self) -> str | None:
        return self.actor.account

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do; the only quota is the account's own."""
        return attrs.evolve(self.store.capabilities, account_quotas=False)

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed; None where it can."""
        return self.store.read_only

    def bind(self, actor: Actor) -> AuthorizedStore:
        """The same part of the store, for another actor."""
        return attrs.evolve(self, actor=actor)

    def _whole(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as the store has it."""
        return Endpoint((*self.home.parts, *endpoint.parts), len(self.home.parts) + endpoint.home)

    def _may(self, right: str, endpoint: Endpoint) -> bool:
        return right in self.rights.at(endpoint.parts)

    def _visible(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as the store has it; raises `NotFound` (40) where the account may not see it."""
        if not self._may(READ, endpoint):
            raise not_found(endpoint)
        return self._whole(endpoint)

    def _hidden(self, more: FolderSet) -> FolderSet:
        """The folders that the account may not see, and `more`, as the store has them."""
        return (self.rights.without(READ) | more).beneath(self.home)

    def places(self, folder: Endpoint) -> Sequence[Endpoint]:
        """The paths of a folder that are beneath the home."""
        depth = len(self.home.parts)
        reached = self.store.places(self._whole(folder))
        return [Endpoint(each.parts[depth:]) for each in reached if each.parts[:depth] == self.home.parts]

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """What exists there, if the account may see it."""
        return self.store.stat(self._whole(endpoint)) if self._may(READ, endpoint) else None

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        visible = [self._may(READ, endpoint) for endpoint in endpoints]
        asked = [self._whole(endpoint) for endpoint, seen in zip(endpoints, visible, strict=True) if seen]
        found = iter(results_of(self.store.stat_many, asked))
        return [next(found) if seen else None for seen in visible]

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        return self.store.open(self._visible(endpoint))

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        visible = [self._may(READ, endpoint) for endpoint in endpoints]
        asked = [self._whole(endpoint) for endpoint, seen in zip(endpoints, visible, strict=True) if seen]
        opened = iter(results_of(lambda some: self.store.open_many(some, inline), asked))
        return [
            next(opened) if seen else not_found(endpoint) for endpoint, seen in zip(endpoints, visible, strict=True)
        ]

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, without those that the account may not see."""
        yield from self.store.list(self._visible(endpoint), recursive, self._hidden(hidden))

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of what the account may see."""
        if self._may(READ, endpoint):
            yield from self.store.versions(self._whole(endpoint), self._hidden(hidden))

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content arrived earlier, for accounts that may store it there and may see that."""
        rights = self.rights.at(endpoint.parts)
        if READ not in rights or not rights & {ADD, REPLACE}:
            return None
        return self._bound.resume_point(self._whole(endpoint), hash, size, mtime_us)

    def free_space(self) -> int | None:
        """Bytes that can still be stored, for accounts that may see something: it tells how much others store."""
        return self._bound.free_space() if READ in self.rights.everywhere else None

    # -- writing -------------------------------------------------------------------

    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""
        upload, disclosed = self._begin(request, self._bound.upload)
        return upload if disclosed is None else DisclosedUpload(upload, disclosed)

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together."""
        allowed = [self._allowed(request) for request, _ in requests]
        asked = [
            (ours, content)
            for ours, (_, content) in zip(allowed, requests, strict=True)
            if isinstance(ours, WriteRequest)
        ]
        done = iter(results_of(self._bound.write_many, asked))
        results: list[Entry | Exception] = []
        for ours, (request, _) in zip(allowed, requests, strict=True):
            result = next(done) if isinstance(ours, WriteRequest) else ours
            if isinstance(result, Refusal) and isinstance(ours, WriteRequest):
                result = self._disclosed(result, request.endpoint, request.precondition, ours.precondition)
            results.append(result)
        return results

    def edit(self, request: WriteRequest) -> IDraft:
        """Begin to change a file; an account that may not read it can only make a new one."""
        if READ not in self.rights.at(request.endpoint.parts) and request.precondition != ABSENT:
            raise self._forbidden(request.endpoint, "change part of a file")
        draft, disclosed = self._begin(request, self._bound.edit)
        return draft if disclosed is None else DisclosedDraft(draft, disclosed)

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory, and its parents; what an account may not see it can only make anew."""
        if not self._may(READ, request.endpoint) and request.precondition is None:
            request = attrs.evolve(request, precondition=ABSENT)
        made, _ = self._begin(request, self._bound.make_directory)
        return made

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Change mtime and mode of what the account may replace."""
        whole = self._visible(endpoint)
        if not self._may(REPLACE, endpoint):
            raise self._forbidden(endpoint, "change the metadata")
        return self._bound.set_metadata(whole, mtime_us=mtime_us, mode=mode, precondition=precondition)

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Copy a file that the account may read to where it may store it."""
        whole = self._visible(source)
        if READ not in self.rights.at(target.parts):
            raise self._forbidden(target, "store a copy")
        asked = self._condition(target, target_precondition)
        if isinstance(asked, Forbidden):
            raise asked
        try:
            return self._bound.copy(
                whole, self._whole(target), source_precondition=source_precondition, target_precondition=asked
            )
        except Changed as refused:
            if asked == target_precondition or self.store.stat(whole) is None:
                raise
            raise self._disclosed(refused, target, target_precondition, asked) from None

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name, where the account may remove all of it and store all of it."""
        whole = self._visible(source)
        check_removable(source)
        if not {READ, DELETE} <= self.rights.in_all_of(source.parts):
            raise self._forbidden(source, "move this")
        there = self.rights.in_all_of(target.parts)
        if ADD not in there or (REPLACE not in there and target_precondition not in (None, ABSENT)):
            raise self._forbidden(target, "store this")
        asked = target_precondition if REPLACE in there else ABSENT
        try:
            return self._bound.move(whole, self._whole(target), source_precondition, asked)
        except _REVEALING as refused:
            if READ not in there:
                there_is_a_source = self.store.stat(whole) is not None
                raise self._forbidden(target, "store this") if there_is_a_source else not_found(source) from None
            if not isinstance(refused, Changed) or asked == target_precondition:
                raise
            if self.store.stat(self._whole(target)) is None:
                raise
            raise self._forbidden(target, "replace anything") from refused

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file, or a directory where the account may remove everything in it."""
        whole = self._visible(endpoint)
        check_removable(endpoint)
        if DELETE not in self.rights.in_all_of(endpoint.parts):
            raise self._forbidden(endpoint, "remove this")
        yield from self._bound.remove(whole, precondition, recursive)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back where the account may add and replace."""
        if not self._may(READ, endpoint):
            raise no_version(endpoint, at_us)
        check_not_root(endpoint)
        if not {ADD, REPLACE} <= self.rights.at(endpoint.parts):
            raise self._forbidden(endpoint, "restore a version")
        return self._bound.restore(self._whole(endpoint), at_us, precondition)

    def maintain(self) -> None:
        """Does nothing: an account does not maintain the store."""

    def close(self) -> None:
        """Does nothing: the store outlives what an account sees of it."""

    # -- rights --------------------------------------------------------------------

    @property
    def _bound(self) -> IStore:
        """The store, where changes are recorded as the actor's, and counted in its quota."""
        return self.store.bind(self._acting(self.actor))

    def _acting(self, actor: Actor) -> Actor:
        """An actor of this account, with the part of the store that is its own. Raises `Forbidden` (33)."""
        if self.quota is not None and not self.store.capabilities.account_quotas:
            raise unsupported("limit what one account stores: ask the server's owner to remove your account's quota")
        everything = self.rights.in_all_of(())
        allotment = Allotment(
            self.home,
            self.quota,
            may_discard={REPLACE, DELETE} <= everything,
            sees_all=READ in everything and not self.home.parts,
        )
        return attrs.evolve(actor, allotment=allotment)

    def _begin(self, request: WriteRequest, write: Callable[[WriteRequest], T]) -> tuple[T, Disclose | None]:
        """What `write` returns for the allowed part of a request; raises what may be disclosed otherwise.

        Also returns how later refusals are disclosed; None where all may be.
        """
        allowed = self._allowed(request)
        if isinstance(allowed, Forbidden):
            raise allowed
        endpoint, wanted, asked = request.endpoint, request.precondition, allowed.precondition
        if wanted == asked and self._may(READ, endpoint):
            return write(allowed), None
        disclose = partial(self._disclosed, endpoint=endpoint, wanted=wanted, asked=asked)
        with disclosing(disclose):
            return write(allowed), disclose

    def _allowed(self, request: WriteRequest) -> WriteRequest | Forbidden:
        """The request as the store gets it, with the precondition that keeps it within the account's rights."""
        if request.offset and not self._may(READ, request.endpoint):
            return self._forbidden(request.endpoint, "resume a partial upload")
        condition = self._condition(request.endpoint, request.precondition)
        if isinstance(condition, Forbidden):
            return condition
        actor = request.actor if request.actor == SERVER else self._acting(request.actor)
        return attrs.evolve(request, endpoint=self._whole(request.endpoint), precondition=condition, actor=actor)

    def _condition(self, endpoint: Endpoint, precondition: str | None) -> str | Forbidden | None:
        """The precondition under which the account may store something there: the store checks it, in one step."""
        rights = self.rights.at(endpoint.parts)
        if {ADD, REPLACE} <= rights and (READ in rights or precondition in (None, ABSENT)):
            return precondition
        if ADD in rights and precondition in (None, ABSENT):
            return ABSENT
        if {READ, REPLACE} <= rights and precondition != ABSENT:
            return PRESENT if precondition is None else precondition
        return self._forbidden(endpoint, "store this")

    def _disclosed(self, refused: Refusal, endpoint: Endpoint, wanted: str | None, asked: str | None) -> Refusal:
        """What may be disclosed of a refusal, where it `wanted` a precondition and the store got another."""
        if isinstance(refused, Changed) and wanted != asked:
            return self._forbidden(endpoint, "replace anything" if asked == ABSENT else "store this")
        if isinstance(refused, _REVEALING) and not self._may(READ, endpoint):
            return self._forbidden(endpoint, "store this")
        return refused

    def _forbidden(self, endpoint: Endpoint, what: str) -> Forbidden:
        return Forbidden(f"your account may not {what} at {display_path(endpoint)}: ask the server's owner")
