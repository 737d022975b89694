"""What does not keep the rules of accounts: each part has one defect, which `tests.support.tenancy` must find."""

from __future__ import annotations

from typing import ClassVar, Generator, Iterator, Sequence, cast

import attrs
from msgspec import structs

from homeftp.accounts.realm import Account
from homeftp.accounts.validator import AccessValidator, CheckedStore
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.history.changes import Reversion, VersionId
from homeftp.interfaces import IHistory, IOpenFile, IUpload
from homeftp.model import Actor, Entry, ListingPage, Verification, Version, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorizedhistory import AuthorizedHistory
from homeftp.store.policy.rights import Rights

_AT = Rights.at


class TrustingValidator(AccessValidator):
    """Takes every login for valid."""

    def are_valid(self, logins: Sequence[Account]) -> list[bool]:
        return [True for _ in logins]


class OpenStat(CheckedStore):
    """A view that tells what is at any endpoint."""

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        return self.store.stat_many([self._whole(endpoint) for endpoint in endpoints])


class OpenFiles(CheckedStore):
    """A view that opens any file."""

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return self.store.open_many([self._whole(endpoint) for endpoint in endpoints], inline)


class OpenListings(CheckedStore):
    """A view that lists everything."""

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        return self.store.list(self._whole(endpoint), recursive)


class OpenVersions(CheckedStore):
    """A view that lists all versions."""

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        return self.store.versions(self._whole(endpoint))


class OpenWays(CheckedStore):
    """A view in which a directory that leads to an account's folders shows what else is in it."""

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        if self.rights.leads_to_folder(endpoint.parts):
            return self.store.list(self._whole(endpoint), recursive, self._hidden(hidden))
        return super().list(endpoint, recursive, hidden)


class OpenVerification(CheckedStore):
    """A view that verifies what is hidden, too."""

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        return self.store.verify(self._whole(endpoint), since_us)


class OpenRemoval(CheckedStore):
    """A view that removes anything."""

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        return self.store.remove(self._whole(endpoint), precondition, recursive)


class OpenMoves(CheckedStore):
    """A view that moves anything anywhere."""

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        return self.store.move(self._whole(source), self._whole(target), source_precondition, target_precondition)


class OpenMetadata(CheckedStore):
    """A view that changes the metadata of anything."""

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        return self.store.set_metadata_many(
            [structs.replace(each, endpoint=self._whole(each.endpoint)) for each in requests]
        )


class OpenReversion(AuthorizedHistory):
    """A history that puts back anything that the account sees."""

    def revert(self, reversions: Sequence[Reversion]) -> Sequence[Entry | Exception | None]:
        return self.history.revert([structs.replace(each, endpoint=self.whole(each.endpoint)) for each in reversions])


class OpenDiscarding(AuthorizedHistory):
    """A history that discards anything that the account sees."""

    def remove_versions(self, versions: Sequence[VersionId]) -> Sequence[int | Exception]:
        return self.history.remove_versions(
            [structs.replace(each, endpoint=self.whole(each.endpoint)) for each in versions]
        )


class RevertingView(CheckedStore):
    """A view with a history that puts back anything."""

    def history(self) -> IHistory | None:
        return open_past(OpenReversion, super().history())


class DiscardingView(CheckedStore):
    """A view with a history that discards anything."""

    def history(self) -> IHistory | None:
        return open_past(OpenDiscarding, super().history())


def open_past(kind: type[AuthorizedHistory], history: IHistory | None) -> IHistory:
    """The same history of that kind."""
    found = cast("AuthorizedHistory", history)
    return kind(found.history, found.rights, found.whole, found.hidden)


class MistakenStore(MemoryStore):
    """A store that takes every account for the one with this id."""

    account_id: ClassVar[str | None]

    def bind(self, actor: Actor) -> MemoryStore:
        return super().bind(self._mistaken(actor))

    def upload(self, request: WriteRequest) -> IUpload:
        return super().upload(structs.replace(request, actor=self._mistaken(request.actor)))

    def _mistaken(self, actor: Actor) -> Actor:
        return attrs.evolve(actor, account_id=self.account_id)


class OneAccountStore(MistakenStore):
    """A store to which all accounts are the same one: each continues the uploads of the others."""

    account_id = "anybody"


class NamesStore(MistakenStore):
    """A store that tells accounts apart by their names: one that gets the name of a removed one is that one."""

    account_id = None


def outermost(rights: Rights, parts: tuple[str, ...]) -> frozenset[str]:
    """A wrong `Rights.at`: of two folders that contain an endpoint the outer one counts."""
    if not rights.folders:
        return _AT(rights, parts)
    holding = [folder for folder, _ in rights.folders if parts[: len(folder)] == folder]
    return dict(rights.folders)[min(holding, key=len)] if holding else frozenset()
