"""The work that a change leaves to do, part by part, in turn with the jobs of other accounts."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import IStore
from homeftp.interfaces.deferredwork import IDeferringStore

T = TypeVar("T")


def with_deferred(change: Deferred[T], store: IStore, jobs: RevocableJobs) -> Deferred[T]:
    """The result of a change of `store`, once nothing is left to do: so no account leaves more than is done.

    It is done also where the client has disconnected, or access was revoked meanwhile.
    """
    return Deferred.fromCoroutine(_finish_deferred(change, store, jobs))


async def _finish_deferred(change: Deferred[T], store: IStore, jobs: RevocableJobs) -> T:
    result = await change
    if IDeferringStore.providedBy(store):
        while await jobs.workers.run_slice(IDeferringStore(store).do_deferred):
            pass
    return result
