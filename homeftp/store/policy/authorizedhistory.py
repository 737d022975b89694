"""One account's view of a store's history: what it may see, put back, and remove for good."""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

import attrs
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Refusal
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory, IOpenFile
from homeftp.model import Entry
from homeftp.store.policy.folders import list_timelines
from homeftp.store.policy.outcomes import catch, for_allowed
from homeftp.store.policy.permissions import check_stays, forbidden, not_restorable
from homeftp.store.policy.rights import DELETE, READ, REPLACE, Rights
from homeftp.store.policy.wording import no_version, not_found


@implementer(IHistory)
@attrs.frozen
class AuthorizedHistory:
    """The part of `history` that an account sees, limited by its rights. Everything else is as `IHistory` says."""

    history: IHistory
    rights: Rights
    whole: Callable[[Endpoint], Endpoint]
    """The endpoint as the store has it."""
    hidden: Callable[[FolderSet], FolderSet]
    """The folders that the account may not see, and more, as the store has them."""

    def _may(self, right: str, endpoint: Endpoint) -> bool:
        return right in self.rights.at(endpoint.parts)

    def timelines(
        self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[Sequence[Timeline]]:
        """The entries of each name that the account may see, with its versions from a time on."""
        if self.rights.leads_to_folder(endpoint.parts):
            names = self.rights.names_beneath(endpoint.parts)
            yield from list_timelines(self, endpoint, names, since_us, depth, hidden)
        elif self._may(READ, endpoint):
            unseen = self.hidden(hidden)
            yield from self.history.timelines(self.whole(endpoint), since_us, depth=depth, hidden=unseen)

    def open_version(self, endpoint: Endpoint, at_us: int) -> IOpenFile:
        """Open a version for reading."""
        if not self._may(READ, endpoint):
            raise no_version(endpoint, at_us)
        return self.history.open_version(self.whole(endpoint), at_us)

    def revert(self, reversions: Sequence[Reversion]) -> Sequence[Entry | Exception | None]:
        """Give each endpoint what it had, where the account may."""
        return for_allowed(self.history.revert, reversions, self._allowed_reversion)

    def _allowed_reversion(self, reversion: Reversion) -> Reversion | Exception:
        refused = self._reversion_refusal(reversion)
        return structs.replace(reversion, endpoint=self.whole(reversion.endpoint)) if refused is None else refused

    def _reversion_refusal(self, reversion: Reversion) -> Exception | None:
        """Why the account may not do that: it takes what `restore` and `remove` of a file take."""
        endpoint = reversion.endpoint
        if reversion.at_us is not None:
            return not_restorable(self.rights, endpoint, reversion.at_us)
        if not self._may(READ, endpoint):
            return not_found(endpoint)
        if not self._may(DELETE, endpoint):
            return forbidden(endpoint, "remove anything")
        return catch(check_stays, self.rights, endpoint)

    def remove_versions(self, versions: Sequence[VersionId]) -> Sequence[int | Exception]:
        """Remove versions for good, where the account may remove and replace the file."""
        return for_allowed(self.history.remove_versions, versions, self._allowed_removal)

    def _allowed_removal(self, version: VersionId) -> VersionId | Refusal:
        """Refused to an account that cannot make content disappear: it must not do it this way."""
        here = self.rights.at(version.endpoint.parts)
        if READ not in here:
            return no_version(version.endpoint, version.at_us)
        if not {REPLACE, DELETE} <= here:
            return forbidden(version.endpoint, "remove versions for good")
        return structs.replace(version, endpoint=self.whole(version.endpoint))
