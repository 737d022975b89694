"""CMP: is the client's copy the same as what stands at an endpoint?"""

from __future__ import annotations

from typing import Any, Sequence

import attrs
from zope.interface import implementer

from homeftp.dispatchers.digest import known_hash
from homeftp.dispatchers.metadata import checked
from homeftp.dispatchers.together import together_per_share
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import WrongKind
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution, IStore, IWorkers
from homeftp.model import Entry, PathLock, ResumePoint
from homeftp.status import Status
from homeftp.wire.messages import Cmp, entry_body, meta_data

GROUP = 256
"""Endpoints that are looked at in one job, at most."""


@attrs.frozen
class _Question:
    """What one CMP asks of the store."""

    endpoint: Endpoint
    hash: str | None
    size: int | None
    mtime_us: int | None


_Found = tuple["Entry | None", "ResumePoint | None"]
"""What stands there, and what has arrived of the content that was asked about."""


def _look_many(share: IStore, questions: Sequence[_Question]) -> Sequence[_Found | Exception]:
    """In a worker: the answer to each."""
    return [_look(share, question) for question in questions]


def _look(share: IStore, question: _Question) -> _Found | Exception:
    try:
        arrived = share.resume_point(question.endpoint, question.hash, question.size, question.mtime_us)
        return share.stat(question.endpoint), arrived
    except Exception as error:  # noqa: BLE001 (each question of a job has its own outcome)
        return error


def judge(differs: Sequence[str]) -> Status:
    """The status for the names of what differs: 10 to 13."""
    content = "hash" in differs
    metadata = any(name != "hash" for name in differs)
    if content:
        return Status.CONTENT_AND_METADATA_DIFFER if metadata else Status.CONTENT_DIFFERS
    return Status.METADATA_DIFFERS if metadata else Status.SAME


_MESSAGES = {
    Status.SAME: "the same",
    Status.METADATA_DIFFERS: "the content is the same, the metadata is not",
    Status.CONTENT_DIFFERS: "the content differs though the metadata is the same",
    Status.CONTENT_AND_METADATA_DIFFER: "content and metadata differ",
}


@implementer(IDispatcher, IPathLocking)
class CmpDispatcher:
    """Compares what the request gives, and only that, with what stands at the endpoint."""

    request_type = "CMP"
    body_type = Cmp

    def __init__(self, workers: IWorkers) -> None:
        self._look = together_per_share(workers, _look_many, limit=GROUP)

    def claims(self, body: Cmp) -> PathLock:
        """It reads its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Compare."""
        body: Cmp = request.body
        endpoint = parse(body.rel_endpoint)
        wanted = checked(body.meta_data)
        share: IStore = request.account.share
        question = _Question(endpoint, body.hash, wanted.get("size"), wanted.get("mtime_us"))
        entry, arrived = await self._look.run((share, question))
        if entry is None:
            absent = {"differs": [], **_to_resume(arrived)}
            resolution.resolve(Status.ABSENT, f"nothing is at {endpoint}", absent)
            return
        differs = []
        if body.hash is not None:
            remote_hash, entry = await _hash(endpoint, entry, request)
            if remote_hash != body.hash:
                differs.append("hash")
        differs += _differing(wanted, entry)
        status = judge(differs)
        answer: dict[str, Any] = {"differs": differs, "remote": entry_body(entry)}
        if differs:
            answer |= _to_resume(arrived)
        resolution.resolve(status, f"{str(endpoint) or 'the root'}: {_MESSAGES[status]}", answer)


def _to_resume(arrived: ResumePoint | None) -> dict[str, Any]:
    """What a client needs to go on with a PUSH that was cut off: from where, and what it hashes to up to there."""
    return {} if arrived is None else {"resume_from": arrived.size, "resume_hash": arrived.hash}


async def _hash(endpoint: Endpoint, entry: Entry, request: IRequest) -> tuple[str, Entry]:
    """The hash that stands there, read where the index does not know it, and the entry that goes with it."""
    if entry.kind != "file":
        raise WrongKind(f"{endpoint} is a directory; GET lists it")
    if entry.hash is not None:
        return entry.hash, entry
    workers = request.workers
    file = await workers.run(request.account.share.open, endpoint)
    try:
        digest = await known_hash(file, request)
        entry = await workers.run(file.verify, digest)
        return digest, entry
    finally:
        await workers.finish(file.close)


def _differing(wanted: dict[str, int], entry: Entry) -> list[str]:
    """The names whose values are not the entry's; a directory's size is 0."""
    present: dict[str, int] = {**dict(meta_data(entry)), "size": entry.size}
    return [name for name, value in wanted.items() if present.get(name) != value]
