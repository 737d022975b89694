"""The requests of the wire as methods of a client, for programs, and their answers as values.

Every method raises the refusals of `homeftp.errors` by the server's status,
and `ConnectionFailed` when the connection ends. Requests may be made at the
same time; answers have the order of the requests. Local files are not
touched here: see the `transfer` package. session.py has the connection and the login.
"""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Sequence

from homeftp.client.connection.historyreplies import PruneSteps, RestoreSteps
from homeftp.client.connection.linkreplies import listed_links, made_link
from homeftp.client.connection.replies import (
    Comparison,
    Names,
    Removed,
    VerifySteps,
    changed_names,
    check_count,
    check_total,
    compared,
    head,
    own_entry,
    page,
    tree_progress,
    understood,
    versions,
)
from homeftp.client.download import Download
from homeftp.client.errors import ProtocolViolation
from homeftp.client.session import ClientSession
from homeftp.errors import Forbidden, Refusal, WrongKind
from homeftp.hashing import filehash
from homeftp.history.changes import PruneStep, RestoreStep
from homeftp.interfaces import ChangedNames, IPayload
from homeftp.interfaces.links import MadeLink, ShareLink
from homeftp.model import Entry, ListingPage, TreeProgress, Verification, Version
from homeftp.wire.messages import MetaData


class Client(ClientSession):
    """A connection to a server. `homeftp.client.connect` makes one."""

    async def get(
        self,
        rel_endpoint: str,
        *,
        offset: int = 0,
        length: int | None = None,
        if_hash: str | None = None,
        as_of: int | None = None,
    ) -> Download:
        """Start to fetch a file, or `length` bytes of it from `offset` on, or what it was at the time `as_of`.

        `as_of` is in microseconds since 1970 UTC, by the server's clock. Raises `NotFound` (40), `WrongKind` (43) for a
        directory, `Damaged` (46) where the server has not kept the content, and `Changed` (44) where the file does not
        have the hash `if_hash`.
        """
        if as_of is not None:
            self._require_history()
        body = _given(rel_endpoint=rel_endpoint, offset=offset or None, length=length, if_hash=if_hash, as_of=as_of)
        answer = self.request("GET", body)
        part = await anext(answer)
        if "entries" in part.body or not part.response.more:
            answer.discard()
            raise WrongKind(f"{rel_endpoint or 'the shared folder'} is a directory, not a file: list it")
        try:
            entry = head(part.body, part.payload.size, offset, length)
        except ProtocolViolation:
            answer.discard()
            raise
        return Download(entry, part.payload, answer)

    async def cmp(
        self,
        rel_endpoint: str,
        *,
        hash: str | None = None,
        meta_data: MetaData | None = None,
        content_digest: str | None = None,
        full_digest: str | None = None,
        directories: bool = False,
        progress: Callable[[TreeProgress], object] | None = None,
    ) -> Comparison:
        """Compare what exists at an endpoint with what is given: `hash`, `meta_data`, or the digests of a directory.

        Where the upload of a file with that hash, or with that size and time,
        was interrupted, `Comparison.arrived` says how much of it the server has.
        Given a digest (`homeftp.hashing.treedigest`), a directory is compared
        with everything beneath it, and `Comparison.tree` has its digests and
        counts; while the server hashes, `progress` is called. With `directories`
        it is told the digests of the larger directories beneath. A server that
        does not support digests leaves `tree` None, and compares nothing beneath.
        Raises `Forbidden` (33), `WrongKind` (43) for the digest of a file and
        the hash of a directory, `Changed` (44) where files keep changing, and
        `Damaged` (46) where a hash is given and the server has not kept the
        content.
        """
        body = _given(
            rel_endpoint=rel_endpoint,
            hash=hash,
            meta_data=meta_data,
            content_digest=content_digest,
            full_digest=full_digest,
            directories=directories or None,
        )
        async for part in self.request("CMP", body):
            if not part.response.more:
                return compared(part.response.status, part.body)
            if progress is not None:
                progress(tree_progress(part.body))
        raise RuntimeError("the answer has been read already")

    async def push(
        self,
        rel_endpoint: str,
        content: bytes | IPayload,
        *,
        hash: str | None = None,
        hash_trailer: bool = False,
        meta_data: MetaData | None = None,
        if_hash: str | None = None,
        offset: int = 0,
    ) -> Entry:
        """Store a file at an endpoint; it is durable when this returns.

        `hash` is the hash of `content`; the server stores nothing that does
        not have it. With `hash_trailer` the last 71 bytes of `content` are the
        hash of the bytes before them, so that a file need not be read twice.
        With `offset` `content` continues a partial upload of that many bytes,
        and the hash is still that of the whole file. `if_hash` is the hash of
        the file that may be replaced, or "absent"; without it any file is
        replaced.

        Raises `Changed` (44), `ContentMismatch` (45), `WrongKind` (43),
        `FiletypeNotAllowed` (42), `NoSpace` (52), `TooLarge` (22), `Forbidden` (33).
        """
        if hash is None and isinstance(content, bytes) and not hash_trailer:
            hash = filehash.hash_bytes(content)
        body = _given(
            rel_endpoint=rel_endpoint,
            hash=hash,
            hash_trailer=hash_trailer or None,
            meta_data=meta_data,
            if_hash=if_hash,
            offset=offset or None,
        )
        part = await self.request("PUSH", body, content).last()
        return own_entry(part.body, "the answer to PUSH")

    async def set_metadata(self, rel_endpoint: str, meta_data: MetaData, *, if_hash: str | None = None) -> Entry:
        """Set `mtime_us` or `mode`, or both, of a file or directory; its content stays.

        `if_hash` is the hash that the file must have. Raises `NotFound` (40), `Changed` (44), `Forbidden` (33), and
        `UnknownRequestType` (21) where the server has no such request: `server_info.request_types` names those it has.
        """
        body = _given(rel_endpoint=rel_endpoint, meta_data=meta_data, if_hash=if_hash)
        part = await self.request("SETSTAT", body).last()
        return own_entry(part.body, "the answer to SETSTAT")

    async def make_directory(
        self, rel_endpoint: str, *, meta_data: MetaData | None = None, if_hash: str | None = None
    ) -> Entry:
        """Make a directory and its parents, and set its metadata, also where it exists.

        With `if_hash` "absent" a directory that exists is refused: `Changed` (44).
        Raises `WrongKind` (43) for a file, and `Forbidden` (33).
        """
        body = _given(rel_endpoint=rel_endpoint, kind="directory", meta_data=meta_data, if_hash=if_hash)
        part = await self.request("PUSH", body).last()
        return own_entry(part.body, "the answer to PUSH")

    async def remove(self, rel_endpoint: str, *, if_hash: str | None = None, recursive: bool = False) -> int:
        """Remove a file or directory; returns the number of files and directories that were removed.

        The server keeps each file as a version, as long as its owner chose. With `recursive` a directory goes with
        everything in it. `if_hash` is the hash that a file must have. Raises `NotFound` (40), `WrongKind` (43) for a
        directory that is not empty or holds something that is not shared, `Changed` (44), and `Forbidden` (33).
        """
        body = _given(rel_endpoint=rel_endpoint, if_hash=if_hash, recursive=recursive or None)
        part = await self.request("DELETE", body).last()
        return understood(part.body, Removed, "the answer to DELETE").removed_total

    async def move(self, rel_endpoint: str, to: str, *, if_hash: str | None = None, if_to: str | None = None) -> Entry:
        """Give a file, or a directory with everything in it, another endpoint; nothing is sent again.

        A file at `to` becomes a version. `if_hash` is the hash that the moved file must have; `if_to` is the hash of
        the file that may be replaced, or "absent". Raises `NotFound` (40), `Changed` (44), also for a directory that
        would replace something, and `Forbidden` (33), also where `to` is on another disk.
        """
        part = await self.request("MOVE", _given(rel_endpoint=rel_endpoint, to=to, if_hash=if_hash, if_to=if_to)).last()
        return own_entry(part.body, "the answer to MOVE")

    async def copy(self, rel_endpoint: str, to: str, *, if_hash: str | None = None, if_to: str | None = None) -> Entry:
        """Copy a file, with its time and mode, on the server; nothing is sent. The parameters are those of `move`.

        Raises `NotFound` (40), `WrongKind` (43) for a directory, `Changed` (44), `NoSpace` (52), and `Forbidden` (33).
        """
        part = await self.request("COPY", _given(rel_endpoint=rel_endpoint, to=to, if_hash=if_hash, if_to=if_to)).last()
        return own_entry(part.body, "the answer to COPY")

    async def list(
        self, rel_endpoint: str = "", *, recursive: bool = False, as_of: int | None = None
    ) -> AsyncIterator[ListingPage]:
        """The entries in a directory, page by page; with `recursive` all below it, with `as_of` those of that time.

        Names are relative to `rel_endpoint`, and legal: an illegal name, which
        could make a client write elsewhere, is a `ProtocolViolation`. Raises
        `NotFound` (40), and `WrongKind` (43) for a file.
        """
        if as_of is not None:
            self._require_history()
        answer = self.request("GET", _given(rel_endpoint=rel_endpoint, recursive=recursive or None, as_of=as_of))
        names = Names()
        try:
            async for part in answer:
                if not part.response.more:
                    check_total(part.body, "entries", names.entries)
                    return
                if "entries" not in part.body:
                    raise WrongKind(f"{rel_endpoint} is a file, not a directory: get it")
                yield page(part.body, names)
        finally:
            answer.discard()

    async def versions(self, rel_endpoint: str = "") -> AsyncIterator[Sequence[Version]]:
        """The versions kept for an endpoint and everything below it, page by page.

        Those of one file are sorted, the newest first. Names are relative to
        `rel_endpoint`, and legal. Raises `Forbidden` (33).
        """
        answer = self.request("VERSIONS", _given(rel_endpoint=rel_endpoint))
        count = 0
        try:
            async for part in answer:
                if not part.response.more:
                    check_total(part.body, "versions", count)
                    return
                listed = versions(part.body)
                count += len(listed)
                check_count(count)
                yield listed
        finally:
            answer.discard()

    async def verify(self, rel_endpoint: str = "") -> AsyncIterator[Verification]:
        """Have the server read everything at an endpoint and beneath it again; what each of its steps has found.

        Names are relative to `rel_endpoint`, and legal. Raises `NotFound` (40),
        `Forbidden` (33), and `UnknownRequestType` (21) for a server that cannot.
        """
        answer = self.request("VERIFY", _given(rel_endpoint=rel_endpoint))
        steps = VerifySteps()
        try:
            async for part in answer:
                if not part.response.more:
                    check_total(part.body, "damaged", steps.damaged)
                    return
                yield steps.step(part.body)
        finally:
            answer.discard()

    async def watch(self, rel_endpoint: str = "") -> AsyncIterator[ChangedNames]:
        """The changes at an endpoint and beneath it, by whichever program, until the connection ends.

        The first value has no names, and says that the watch has begun: compare then, and compare again what each
        later value names. Names are relative to `rel_endpoint`, and legal. Use a connection of its own: other requests
        on it get no answer, and the end of the iteration closes it. A watch may be silent for days; when the server is
        gone, it raises `ConnectionFailed` within about a minute. Raises `Busy` (51) where there are too many watches,
        `ShuttingDown` (54), and `UnknownRequestType` (21) where the server has no WATCH.
        """
        answer = self.request("WATCH", _given(rel_endpoint=rel_endpoint))
        try:
            async for part in answer:
                yield changed_names(part.body)
        except Refusal:
            raise  # the request is answered: the connection can still be used
        except BaseException:
            self.protocol.close()
            raise

    async def restore(self, rel_endpoint: str, *, at: int | None = None, if_hash: str | None = None) -> Entry:
        """Restore the version that was replaced at the time `at` (microseconds since 1970 UTC), or the newest.

        The current content becomes a version. Raises `NotFound` (40),
        `Changed` (44), `WrongKind` (43), `Forbidden` (33).
        """
        part = await self.request("RESTORE", _given(rel_endpoint=rel_endpoint, at=at, if_hash=if_hash)).last()
        return own_entry(part.body, "the answer to RESTORE")

    async def restore_tree(
        self, rel_endpoint: str, *, as_of: int | None = None, dry_run: bool = False
    ) -> AsyncIterator[RestoreStep]:
        """Put a directory and all beneath it back as it was at the time `as_of`; what became of each name, by steps.

        Without `as_of` (microseconds since 1970 UTC, by the server's clock) it is the time before the last change; the
        last step has the time. What was not there then becomes a version. A file that is refused does not stop the
        others. With `dry_run` nothing is changed. Raises `NotFound` (40) where nothing was there then, and `Forbidden`
        (33).
        """
        self._require_history()
        body = _given(rel_endpoint=rel_endpoint, recursive=True, as_of=as_of, dry_run=dry_run or None)
        answer, steps = self.request("RESTORE", body), RestoreSteps()
        try:
            async for part in answer:
                yield steps.step(part.body) if part.response.more else steps.last(part.body)
        finally:
            answer.discard()

    async def prune(
        self, rel_endpoint: str, *, before: int | None = None, keep: int = 0, dry_run: bool = False
    ) -> AsyncIterator[PruneStep]:
        """Remove versions of what is at an endpoint and beneath it for good; what became of each, by steps.

        With `before` (microseconds since 1970 UTC, by the server's clock) only those that were replaced or removed
        earlier, and not the newest `keep` of each file. With `dry_run` nothing is removed. Raises `Forbidden` (33).
        """
        self._require_history()
        body = _given(rel_endpoint=rel_endpoint, before=before, keep=keep or None, dry_run=dry_run or None)
        answer, steps = self.request("PRUNE", body), PruneSteps()
        try:
            async for part in answer:
                if not part.response.more:
                    steps.last(part.body)
                    return
                yield steps.step(part.body)
        finally:
            answer.discard()

    async def share(
        self,
        rel_endpoint: str,
        *,
        seconds: int | None = None,
        uses: int | None = None,
        upload: bool = False,
        password: str | None = None,
    ) -> MadeLink:
        """Make a share link: who has its URL can fetch the file, or everything in the directory, without an account.

        With `upload` files can be added to the directory instead, and nothing of it can be seen. The link works for
        `seconds` (by default a week), and at most `uses` times. Raises `Forbidden` (33) where the server's owner does
        not allow it, `NotFound` (40), `Busy` (51) where there are too many links, and `UnknownRequestType` (21).
        """
        body = _given(rel_endpoint=rel_endpoint, seconds=seconds, uses=uses, upload=upload or None, password=password)
        return made_link((await self.request("LINK", body).last()).body)

    async def share_links(self) -> AsyncIterator[Sequence[ShareLink]]:
        """All share links of the account, page by page, the newest first. Raises `Forbidden` (33)."""
        answer, count = self.request("LINKS"), 0
        try:
            async for part in answer:
                if not part.response.more:
                    check_total(part.body, "links", count)
                    return
                listed = listed_links(part.body)
                count += len(listed)
                check_count(count)
                yield listed
        finally:
            answer.discard()

    async def revoke_link(self, id: str) -> None:
        """End a share link of the account, by its id. Raises `NotFound` (40) and `Forbidden` (33)."""
        await self.request("UNLINK", {"link": id}).last()

    def _require_history(self) -> None:
        """Raise `Forbidden` (33) where the server would ignore the time that a request names."""
        if "PRUNE" not in self.server_info.request_types:
            raise Forbidden("this server cannot tell what was there at a time: its homeftp is too old. Update it")


def _given(**parameters: Any) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
