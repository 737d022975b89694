"""One account's view of a store: its home folder as if that were everything, limited by its rights.

What an account may not see does not exist for it. What it may see but not
change is refused as forbidden (33), and so is every change where it may see
nothing, whether something exists there or not: a refusal tells nothing.
"""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import Callable, Generator, Hashable, Iterator, Sequence, TypeVar

import attrs
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Changed, Refusal
from homeftp.interfaces import IDraft, IHistory, IOpenFile, IScopedStore, IStore, IUpload, SpaceReport
from homeftp.interfaces.deferredwork import IDeferringStore
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.model import (
    ABSENT,
    PRESENT,
    SERVER,
    Actor,
    Capabilities,
    Damage,
    Entry,
    ListingPage,
    ResumePoint,
    Verification,
    Version,
    WriteRequest,
)
from homeftp.store.policy.authorizedhistory import AuthorizedHistory
from homeftp.store.policy.disclosure import Disclose, DisclosedDraft, DisclosedUpload, disclosing
from homeftp.store.policy.folders import list_folders, list_versions, verify_folders
from homeftp.store.policy.outcomes import catch, for_allowed, only, results_of
from homeftp.store.policy.permissions import (
    REVEALING,
    allotment,
    as_allowed,
    check_stays,
    condition_of_file,
    directory_wanted,
    disclosed,
    disclosed_result,
    forbidden,
    metadata_as_allowed,
    not_restorable,
    seen_damage,
    stored,
)
from homeftp.store.policy.rights import ADD, DELETE, READ, REPLACE, Rights
from homeftp.store.policy.wording import is_directory, not_found, owners_metadata, stays, unsupported

T = TypeVar("T")

_Write = tuple[WriteRequest, WriteRequest, bytes | None]
"""A write as the account asks for it, as the store gets it, and the content of a file."""


@implementer(IStore, IScopedStore, IDeferringStore, IImmediateStore)
@attrs.frozen(slots=False)
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
    quota_home: Endpoint | None = None
    """Where the quota counts in place of `home`, which is beneath it."""
    _owner: str | None = attrs.field(init=False, default=attrs.Factory(lambda self: self.actor.owner, takes_self=True))
    """`Actor.owner`: no other account continues its partial uploads."""

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the store; the only quota is the account's own."""
        return structs.replace(self.store.capabilities, account_quotas=False)

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed; None where it can."""
        return self.store.read_only

    def bind(self, actor: Actor) -> AuthorizedStore:
        """The same part of the store, for another actor."""
        return attrs.evolve(self, actor=actor)

    def _whole(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as the store has it."""
        home = self.home.parts
        return Endpoint((*home, *endpoint.parts), len(home) + endpoint.home) if home else endpoint

    def _may(self, right: str, endpoint: Endpoint) -> bool:
        return right in self.rights.at(endpoint.parts)

    def _visible(self, endpoint: Endpoint, of_way: Callable[[Endpoint], Refusal] = is_directory) -> Endpoint:
        """The endpoint as the store has it; raises the refusal of `_seen`."""
        seen = self._seen(endpoint, of_way)
        if isinstance(seen, Refusal):
            raise seen
        return seen

    def _seen(self, endpoint: Endpoint, of_way: Callable[[Endpoint], Refusal] = is_directory) -> Endpoint | Refusal:
        """The endpoint as the store has it; `NotFound` (40) where the account may not see it.

        `of_way` is the refusal for a directory that leads to its folders.
        """
        if self._may(READ, endpoint):
            return self._whole(endpoint)
        return not_found(endpoint) if self.stat(endpoint) is None else of_way(endpoint)

    def _hidden(self, more: FolderSet) -> FolderSet:
        """The folders that the account may not see, and `more`, as the store has them."""
        return (self.rights.without(READ) | more).beneath(self.home)

    def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
        """The paths of a folder that are beneath the home."""
        reached = [each.relative_to(self.home) for each in self.store.paths_to(self._whole(folder))]
        return [each for each in reached if each is not None]

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint, if the account may see it."""
        if self.rights.leads_to_folder(endpoint.parts):
            return self._way(endpoint)
        return self.store.stat(self._whole(endpoint)) if self._may(READ, endpoint) else None

    def _way(self, endpoint: Endpoint) -> Entry | None:
        """A directory that leads to the account's folders; None if there is none, or the account may read none of them.

        The entry has no metadata: the directory belongs to others.
        """
        found = self.store.stat(self._whole(endpoint))
        if found is None or found.kind != "directory" or not self.rights.names_beneath(endpoint.parts):
            return None
        return Entry(found.name, "directory")

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        visible = [self._may(READ, endpoint) for endpoint in endpoints]
        asked = [self._whole(endpoint) for endpoint, seen in zip(endpoints, visible, strict=True) if seen]
        found = iter(results_of(self.store.stat_many, asked))
        return [
            next(found) if seen else catch(self.stat, endpoint)
            for endpoint, seen in zip(endpoints, visible, strict=True)
        ]

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        return self.store.open(self._visible(endpoint))

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        return for_allowed(lambda some: self.store.open_many(some, inline), endpoints, self._seen)

    def stat_at_once(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The entry at an endpoint, if the account may see it, and the store knows it at once."""
        return self.at_once(endpoint, lambda store, whole: store.stat_at_once(whole, hashed))

    def open_at_once(self, endpoint: Endpoint, inline: int, hashed: bool = True) -> IOpenFile | None:
        """A small file, if the account may see it, and the store has it at hand."""
        return self.at_once(endpoint, lambda store, whole: store.open_at_once(whole, inline, hashed))

    def is_new_at_once(self, endpoint: Endpoint) -> bool:
        """Whether the name is new, if the account may see that, and the store knows it at once."""
        return self.at_once(endpoint, lambda store, whole: store.is_new_at_once(whole)) or False

    def at_once(self, endpoint: Endpoint, ask: Callable[[IImmediateStore, Endpoint], T | None]) -> T | None:
        """The store's answer to `ask` about an endpoint that the account may see; None where it cannot ask."""
        immediate = self._may(READ, endpoint) and IImmediateStore.providedBy(self.store)
        return ask(IImmediateStore(self.store), self._whole(endpoint)) if immediate else None

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, without those that the account may not see."""
        if not self.rights.leads_to_folder(endpoint.parts):
            yield from self.store.list(self._visible(endpoint), recursive, self._hidden(hidden))
        elif self._way(endpoint) is None:
            raise not_found(endpoint)
        else:
            yield from list_folders(self, endpoint, self.rights.names_beneath(endpoint.parts), recursive, hidden)

    def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All beneath a directory, without what the account may not see."""
        if self.rights.leads_to_folder(endpoint.parts):
            yield from self.list(endpoint, True, hidden)
        else:
            yield from self.store.list_for_digests(self._visible(endpoint), self._hidden(hidden))

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of what the account may see."""
        if self.rights.leads_to_folder(endpoint.parts):
            yield from list_versions(self, endpoint, self.rights.names_beneath(endpoint.parts), hidden)
        elif self._may(READ, endpoint):
            yield from self.store.versions(self._whole(endpoint), self._hidden(hidden))

    def history(self) -> IHistory | None:
        """The history that the account may see and change."""
        history = self._bound.history()
        return None if history is None else AuthorizedHistory(history, self.rights, self._whole, self._hidden)

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Read again what the account may see."""
        if not self.rights.leads_to_folder(endpoint.parts):
            yield from self._bound.verify(self._visible(endpoint), since_us, self._hidden(hidden))
        elif self._way(endpoint) is None:
            raise not_found(endpoint)
        else:
            yield from verify_folders(self, endpoint, self.rights.names_beneath(endpoint.parts), since_us, hidden)

    def scope(self, endpoint: Endpoint) -> Hashable:
        """The part of the store that `verify` reads, how its messages name it, and from what it may be mended."""
        whole = self._whole(endpoint)
        place = id(self.store), whole, whole.home, allotment(self.rights, self.home, None).sees_all
        if self.rights.leads_to_folder(endpoint.parts):
            return *place, self.rights
        return *place, self._may(READ, endpoint), self._hidden(NO_FOLDERS)

    def visible_endpoint(self, endpoint: Endpoint, *, directory: bool) -> Endpoint | None:
        """Where the account sees a change at an endpoint of the store; None where it does not."""
        own = endpoint.relative_to(self.home)
        return own if own is not None and self.rights.shows(own.parts, directory=directory) else None

    def damaged(self) -> Sequence[Damage]:
        """The files that are marked as damaged, if the account may see them."""
        return seen_damage(self.store.damaged(), self.home, self.rights)

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content arrived earlier, for accounts that may store it there and may see that."""
        rights = self.rights.at(endpoint.parts)
        if READ not in rights or not rights & {ADD, REPLACE}:
            return None
        return self._bound.resume_point(self._whole(endpoint), hash, size, mtime_us)

    def space(self) -> SpaceReport:
        """The space that is left, for accounts that may see something: it tells how much others store."""
        return self._bound.space() if READ in self.rights.everywhere else SpaceReport()

    # -- writing -------------------------------------------------------------------

    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""
        upload, disclose = self._begin(request, self._bound.upload)
        if disclose is None:
            return upload
        return DisclosedUpload(upload, disclose, partial(stored, self.rights, request))

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files, make directories, and make all of them durable together."""
        acting = cache(self._acting)  # there are few actors, and many requests of each

        def allowed(item: tuple[WriteRequest, bytes | None]) -> _Write | Refusal:
            request, content = item
            wanted = directory_wanted(self.rights, request) if content is None else request
            ours = as_allowed(self.rights, wanted, self._whole(request.endpoint), acting, directory=content is None)
            return ours if isinstance(ours, Refusal) else (wanted, ours, content)

        def write(asked: Sequence[_Write]) -> Sequence[Entry | Exception]:
            done = results_of(self._bound.write_many, [(ours, content) for _, ours, content in asked])
            return [
                disclosed_result(self.rights, wanted, ours.precondition, result)
                for (wanted, ours, _), result in zip(asked, done, strict=True)
            ]

        return for_allowed(write, requests, allowed)

    def edit(self, request: WriteRequest) -> IDraft:
        """Begin to change a file; an account that may not read it can only begin with nothing."""
        begins_empty = request.empty or request.precondition == ABSENT
        if READ not in self.rights.at(request.endpoint.parts) and not begins_empty:
            raise forbidden(request.endpoint, "change part of a file")
        draft, disclose = self._begin(request, self._bound.edit)
        return draft if disclose is None else DisclosedDraft(draft, disclose)

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory, and its parents; what an account may not see it can only make anew."""
        return only(self.write_many([(request, None)]))

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Change mtime and mode of what the account may replace."""
        request = WriteRequest(endpoint=endpoint, mtime_us=mtime_us, mode=mode, precondition=precondition)
        return only(self.set_metadata_many([request]))

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """`set_metadata` for several at once."""

        def allowed(request: WriteRequest) -> WriteRequest | Refusal:
            seen = self._seen(request.endpoint, owners_metadata)
            return metadata_as_allowed(self.rights, request, seen, self._acting)

        return for_allowed(self._bound.set_metadata_many, requests, allowed)

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Copy a file that the account may read to where it may store it, step by step."""
        whole = self._visible(source)
        if READ not in self.rights.at(target.parts):
            raise forbidden(target, "store a copy")
        asked = condition_of_file(self.rights, self.rights.at(target.parts), target, target_precondition)
        try:
            yield from self._bound.copy(
                whole, self._whole(target), source_precondition=source_precondition, target_precondition=asked
            )
        except Changed as refused:
            exists = self.store.stat(self._whole(target)) is not None
            source_failed = exists == (asked == PRESENT)  # the target's precondition holds
            if asked == target_precondition or source_failed or self.store.stat(whole) is None:
                raise
            raise disclosed(self.rights, refused, target, target_precondition, asked) from None

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name, where the account may remove all of it and store all of it."""
        whole = self._visible(source, stays)
        check_stays(self.rights, source)
        if not {READ, DELETE} <= self.rights.in_all_of(source.parts):
            raise forbidden(source, "move anything")
        there = self.rights.in_all_of(target.parts)
        if ADD not in there:
            raise forbidden(target, "store this")
        asked = condition_of_file(self.rights, there, target, target_precondition)
        try:
            return self._bound.move(whole, self._whole(target), source_precondition, asked)
        except REVEALING as refused:
            if READ not in there:
                there_is_a_source = self.store.stat(whole) is not None
                raise forbidden(target, "store this") if there_is_a_source else not_found(source) from None
            hides = isinstance(refused, Changed) and asked != target_precondition
            if not hides or self.store.stat(self._whole(target)) is None:
                raise
            raise forbidden(target, "replace anything") from refused

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file, or a directory where the account may remove everything in it."""
        whole = self._visible(endpoint, stays)
        check_stays(self.rights, endpoint)
        if DELETE not in self.rights.in_all_of(endpoint.parts):
            raise forbidden(endpoint, "remove anything")
        yield from self._bound.remove(whole, precondition, recursive)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back where the account may add and replace."""
        if (refused := not_restorable(self.rights, endpoint, at_us)) is not None:
            raise refused
        return self._bound.restore(self._whole(endpoint), at_us, precondition)

    def do_deferred(self) -> bool:
        """Do a part of what changes have left to do; whether anything is left."""
        return IDeferringStore.providedBy(self.store) and IDeferringStore(self.store).do_deferred()

    def maintain(self) -> None:
        """Does nothing: an account does not maintain the store."""

    def close(self) -> None:
        """Does nothing: the store outlives what an account sees of it."""

    # -- rights --------------------------------------------------------------------

    @cached_property
    def _bound(self) -> IStore:
        """The store, where changes are recorded as the actor's, and counted in its quota."""
        return self.store.bind(self._acting(self.actor))

    def _acting(self, actor: Actor) -> Actor:
        """An actor of this account, with the part of the store that is its own. Raises `Forbidden` (33)."""
        if self.quota is not None and not self.store.capabilities.account_quotas:
            raise unsupported("limit what one account stores: ask the server's owner to remove your account's quota")
        return attrs.evolve(actor, allotment=allotment(self.rights, self.home, self.quota, self.quota_home))

    def _begin(self, request: WriteRequest, write: Callable[[WriteRequest], T]) -> tuple[T, Disclose | None]:
        """The result of `write` for the allowed part of a request; raises only refusals that may be disclosed.

        Also returns how later refusals are disclosed; None where all may be.
        """
        allowed = as_allowed(self.rights, request, self._whole(request.endpoint), self._acting)
        if isinstance(allowed, Refusal):
            raise allowed
        endpoint, wanted, asked = request.endpoint, request.precondition, allowed.precondition
        if wanted == asked and self._may(READ, endpoint):
            return write(allowed), None
        disclose = partial(disclosed, self.rights, endpoint=endpoint, wanted=wanted, asked=asked)
        with disclosing(disclose):
            return write(allowed), disclose
