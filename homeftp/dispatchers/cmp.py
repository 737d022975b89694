"""CMP: is the client's copy the same as what is at an endpoint?"""

from __future__ import annotations

from typing import Any, Sequence

from zope.interface import implementer

from homeftp.dispatchers.metadata import parse_meta_data
from homeftp.errors import NotFound, WrongKind
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.metadata.kept import same_mtime
from homeftp.metadata.modes import same_mode
from homeftp.model import Entry, PathLock, ResumePoint, TreeDigest, TreeProgress
from homeftp.status import Status
from homeftp.wire.history import writer_body
from homeftp.wire.messages import CmpBody, DirectoryDigestsBody, TreeBody, entry_body, meta_data

_MESSAGES = {
    Status.SAME: "the same",
    Status.METADATA_DIFFERS: "the content is the same, the metadata is not",
    Status.CONTENT_DIFFERS: "the content differs though the metadata is the same",
    Status.CONTENT_AND_METADATA_DIFFER: "content and metadata differ",
    Status.DAMAGED: "the server's disk has not kept the content: push the file again, or restore a version of it",
}

_CONTENT = frozenset({"hash", "content_digest"})
"""The fields that differ where the content does."""


@implementer(IDispatcher, IPathLocking)
class CmpDispatcher:
    """Compares what the request gives, and only that, with what is at the endpoint: a file, or all of a directory."""

    request_type = "CMP"
    body_type = CmpBody

    def path_lock(self, body: CmpBody) -> PathLock:
        """The request reads its endpoint."""
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        """Compare the entry at the endpoint with the client's copy."""
        body: CmpBody = request.body
        endpoint = body.rel_endpoint
        wanted = parse_meta_data(body.meta_data)
        size, mtime_us = wanted.get("size"), wanted.get("mtime_us")
        entry, resume = await request.files.stat_with_resume(endpoint, body.hash, size, mtime_us)
        tree: TreeDigest | None = None
        try:
            if entry is not None and body.hash is not None:
                entry = await _hashed(request, entry)
            if entry is not None and _digests(body):
                tree = await _tree_digest(request, resolution, entry)
        except NotFound:
            entry = None  # it was moved or removed since
        if entry is None:
            absent = {"differs": [], **_resume_body(resume)}
            resolution.resolve(Status.ABSENT, f"nothing is at {endpoint}", absent)
            return
        differs = []
        if body.hash not in (None, entry.hash):
            differs.append("hash")
        if tree is not None:
            given, there = _digests(body), {"content_digest": tree.content, "full_digest": tree.full}
            differs += [name for name, value in given.items() if value != there[name]]
        if not endpoint.parts:
            wanted = {name: value for name, value in wanted.items() if name == "size"}  # the rest is the owner's
        differs += _differing(wanted, entry)
        is_damaged = entry.damaged is not None and body.hash is not None
        status = Status.DAMAGED if is_damaged else comparison_status(differs)
        answer: dict[str, Any] = {"differs": differs, "remote": entry_body(entry)}
        if tree is not None:
            answer["tree"] = TreeBody.of(tree)
        if body.writer and entry.hash is not None:
            writer = await request.find_writer(endpoint, entry.hash)
            answer |= {} if writer is None else {"writer": writer_body(writer)}
        if differs:
            answer |= _resume_body(resume)
        resolution.resolve(status, f"{str(endpoint) or 'the root'}: {_MESSAGES[status]}", answer)


async def _hashed(request: IRequest, entry: Entry) -> Entry:
    """The entry of a file with its hash, unless it is damaged."""
    endpoint = request.body.rel_endpoint
    if entry.kind != "file":
        raise WrongKind(f"{endpoint} is a directory; GET lists it")
    if entry.hash is not None or entry.damaged is not None:
        return entry
    return await request.files.hash(endpoint, request.cancelled)


def _digests(body: CmpBody) -> dict[str, str]:
    """The digests that the request gives."""
    given = {"content_digest": body.content_digest, "full_digest": body.full_digest}
    return {name: value for name, value in given.items() if value is not None}


async def _tree_digest(request: IRequest, resolution: IResolution, entry: Entry) -> TreeDigest:
    """The digests of a directory, with an interim answer for each step."""
    endpoint = request.body.rel_endpoint
    if entry.kind != "directory":
        raise WrongKind(f"{endpoint} is a file; compare its hash")
    await resolution.turn()
    steps = request.files.tree_digest(endpoint, request.cancelled)
    try:
        async for step in steps:
            if isinstance(step, TreeDigest):
                return step
            await resolution.send(_progress_body(step, directories=request.body.directories))
    finally:
        await steps.aclose()
    raise AssertionError("the digests come last")


def _progress_body(step: TreeProgress, *, directories: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"files": step.files, "bytes": step.size}
    if directories and step.directories:
        body["directories"] = [DirectoryDigestsBody(name, TreeBody.of(digests)) for name, digests in step.directories]
    return body


def comparison_status(differs: Sequence[str]) -> Status:
    """The status, 10 to 13, for the names of what differs.

    Whether the metadata in a directory differs is not known where the content does, so that is never suspicious.
    """
    content = not _CONTENT.isdisjoint(differs)
    metadata = any(name not in _CONTENT for name in differs) or "content_digest" in differs
    if content:
        return Status.CONTENT_AND_METADATA_DIFFER if metadata else Status.CONTENT_DIFFERS
    return Status.METADATA_DIFFERS if metadata else Status.SAME


def _resume_body(resume: ResumePoint | None) -> dict[str, Any]:
    """The object by which a client resumes a PUSH: from where, and the hash of the content up to there."""
    return {} if resume is None else {"resume_from": resume.size, "resume_hash": resume.hash}


def _differing(wanted: dict[str, int], entry: Entry) -> list[str]:
    """The names whose values are neither the entry's nor what a PUSH of them would leave there.

    What the store does not keep does not differ: a client that sent it could change nothing.
    """
    present: dict[str, int] = {**dict(meta_data(entry)), "size": entry.size}
    differs = [name for name, value in wanted.items() if present.get(name, value) != value]
    if "mtime_us" in differs and same_mtime(present["mtime_us"], entry.mtime_span, wanted["mtime_us"]):
        differs.remove("mtime_us")
    if "mode" in differs and same_mode(entry.kind, wanted["mode"], entry.mode):
        differs.remove("mode")
    return differs
