"""Makes the `Files` of every login of one server, which share its pool, its hashings and its memory for streams."""

from __future__ import annotations

from homeftp.config import Limits
from homeftp.files.budget import MemoryBudget
from homeftp.files.files import Files, RecordRead
from homeftp.files.hashes import SharedHashes
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs, RevocableLogin
from homeftp.files.jobs.share import HASHED_AT_ONCE, AccountResources
from homeftp.files.refusals import RecordRefusal, record_no_refusal
from homeftp.files.verifications import SharedVerifications
from homeftp.files.watches.hub import ChangeHub
from homeftp.interfaces import IStore, IWorkers
from homeftp.model import SERVER, Actor


class FilesFactory:
    """One for each server. `budget` is the memory of all its streams, in both directions.

    `listings` is how many listings of one account may be under way. `hub` is told what changes in the store.
    """

    def __init__(
        self,
        workers: IWorkers,
        budget: MemoryBudget,
        *,
        listings: int = Limits().account_listings,
        hub: ChangeHub | None = None,
    ) -> None:
        self._workers = workers
        self._listings = listings
        self._budget = budget
        self._hub = ChangeHub() if hub is None else hub
        self._hashes = SharedHashes()
        self._verifications = SharedVerifications()
        self.commits = GroupCommits()
        self._shares: dict[str | None, AccountResources] = {}

    def usage(self, account: str) -> dict[str, tuple[int, int]]:
        """The use of the limits that an account's logins share: how many of how many listings and hashings at once."""
        share = self._shares.get(account)
        if share is None:
            return {"listings": (0, self._listings), "hashings": (0, HASHED_AT_ONCE)}
        used = {"listings": share.listing, "hashings": share.hashing}
        return {name: (each.limit - each.tokens, each.limit) for name, each in used.items()}

    def share(self, account: str | None) -> AccountResources:
        """The resources that the logins of an account share."""
        share = self._shares.get(account)
        if share is None:
            workers = self._workers if account is None else self._workers.of(account)
            share = self._shares[account] = AccountResources(account, workers, self._listings, self.commits)
        return share

    def files(
        self,
        store: IStore,
        actor: Actor = SERVER,
        login: RevocableLogin | None = None,
        record_refusal: RecordRefusal = record_no_refusal,
        record_read: RecordRead | None = None,
        *,
        records_raised: bool = True,
    ) -> Files:
        """The files of `store`, changed by `actor`, until `login` is revoked; without one they never are.

        Without `records_raised` the caller records refusals that calls raise.
        """
        share = self.share(actor.account)
        jobs = RevocableJobs(share.workers, login or PermanentLogin())
        return Files(
            store,
            actor,
            jobs,
            share,
            self._hashes,
            self._verifications,
            self._budget,
            self._hub,
            record_refusal,
            record_read,
            records_raised,
        )
