"""Makes the `Files` of every login of one server, which share its pool, its batches and its memory for streams."""

from __future__ import annotations

from homeftp.files.batches import Batches
from homeftp.files.budget import MemoryBudget
from homeftp.files.files import Files
from homeftp.files.refusals import RecordRefusal, record_no_refusal
from homeftp.files.revocation import PermanentLogin, RevocableJobs, RevocableLogin
from homeftp.interfaces import IStore, IWorkers
from homeftp.model import SERVER, Actor


class FilesFactory:
    """One for each server. `budget` is the memory of all its streams, in both directions."""

    def __init__(self, workers: IWorkers, budget: MemoryBudget) -> None:
        self._workers = workers
        self._budget = budget
        self._batches = Batches(workers)

    def files(
        self,
        store: IStore,
        actor: Actor = SERVER,
        login: RevocableLogin | None = None,
        record_refusal: RecordRefusal = record_no_refusal,
    ) -> Files:
        """The files of `store`, changed by `actor`, until `login` is revoked; without one they never are."""
        jobs = RevocableJobs(self._workers, login or PermanentLogin())
        return Files(store, actor, jobs, self._batches, self._budget, record_refusal)
