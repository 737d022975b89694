"""A logged-in connection, for programs: the wire's requests as methods, their answers as values.

Every method raises the refusals of `homeftp.errors` by the server's status,
and `ConnectionFailed` when the connection ends. Requests may be made side by
side; answers come in the order of the requests. Local files are not touched
here: see transfer.py.
"""

from __future__ import annotations

from typing import Any, AsyncIterator, Sequence

from twisted.internet.defer import Deferred

from homeftp.client.connection.errors import Corrupted, ProtocolViolation
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.replies import (
    Comparison,
    Hello,
    Names,
    Verdict,
    compared,
    head,
    itself,
    page,
    understood,
    versions,
)
from homeftp.client.connection.response import ResponseStream
from homeftp.errors import Forbidden, WrongKind
from homeftp.hashing import filehash as tree
from homeftp.interfaces import IPayload
from homeftp.model import Entry, ListingPage, Version
from homeftp.wire.messages import MetaData


class Download:
    """A file on its way here: read it to the end, then ask for the verdict."""

    def __init__(self, entry: Entry, payload: IPayload, answer: ResponseStream) -> None:
        self.entry = entry
        """What the file is: size, metadata, and hash where the server knows it."""
        self.size = payload.size
        """How many bytes come, from `offset` on."""
        self._payload = payload
        self._answer = answer

    async def read(self) -> bytes:
        """The next piece; b"" after the last."""
        return await self._payload.read()

    async def verdict(self) -> Verdict:
        """What the server says at the end; raises `Changed` (44) when the file was changed while it was sent."""
        return understood((await self._answer.last()).body, Verdict, "the verdict of GET")

    async def read_all(self, limit: int) -> bytes:
        """All of it, verified; for files of at most `limit` bytes, else `TooLarge` (22).

        Raises `Changed` (44), and `Corrupted` when the bytes are not those
        that the server says it sent. Hashes on the calling thread: not for
        large files.
        """
        data = await self._payload.read_all(limit)
        whole = self.entry.size == len(data)
        verdict = await self.verdict()
        if whole and verdict.hash is not None and verdict.hash != tree.hash_bytes(data):
            raise Corrupted
        return data

    def discard(self) -> None:
        """Throw away what has not been read, as it comes."""
        self._answer.discard()


class Client:
    """One connection to a server. `homeftp.client.connect` makes one."""

    def __init__(self, protocol: ClientProtocol, where: object = None) -> None:
        self.protocol = protocol
        """The connection underneath; for the transfers."""
        self.where = where
        """Which of the places that `connect` was given the server was reached at."""
        self.about = Hello(protocol=0)
        """What the server said of itself at the login."""

    async def login(self, username: str, password: str) -> Hello:
        """Log in; `connect` has done it. Raises `LoginFailed` (32)."""
        answer = self.request("LOGIN", {"username": username, "password": password})
        await answer.last()
        return await self.hello()

    async def hello(self) -> Hello:
        """What the server is, can do and allows, and who is logged in."""
        part = await self.request("HELLO").last()
        self.about = understood(part.body, Hello, "the answer to HELLO")
        return self.about

    def need(self, doing: str, *rights: str) -> None:
        """Raise `Forbidden` (33), before anything is read or sent, where the account has none of these rights.

        With one of them it may still be refused: in some folders an account may do less.
        """
        has = self.about.rights
        if has is not None and not set(rights) & set(has):
            may = " and ".join([", ".join(has[:-1]), has[-1]] if len(has) > 1 else has) or "nothing"
            raise Forbidden(
                f"your account, {self.about.account}, may {may} at this server, and {doing} takes "
                f"{' or '.join(rights)}: the server's owner decides that"
            )

    def request(
        self, request_type: str, body: dict[str, Any] | None = None, payload: bytes | IPayload | None = None
    ) -> ResponseStream:
        """Send a request of any type, a plugin's too, with the payload that follows it.

        Raises `ConnectionFailed` when the connection has ended already.
        """
        answer = ResponseStream(self.protocol)
        self.protocol.ask(answer, request_type, body, payload)
        return answer

    async def get(
        self, rel_endpoint: str, *, offset: int = 0, length: int | None = None, if_hash: str | None = None
    ) -> Download:
        """Begin to fetch a file, or `length` bytes of it from `offset` on.

        Raises `NotFound` (40), `WrongKind` (43) for a directory, and `Changed`
        (44) when `if_hash` is not the file's hash.
        """
        body = _given(rel_endpoint=rel_endpoint, offset=offset or None, length=length, if_hash=if_hash)
        answer = self.request("GET", body)
        part = await anext(answer)
        if "entries" in part.body or not part.response.more:
            answer.discard()
            raise WrongKind(f"{rel_endpoint or 'the share'} is a directory, not a file: list what is in it")
        try:
            entry = head(part.body, part.payload.size, offset, length)
        except ProtocolViolation:
            answer.discard()
            raise
        return Download(entry, part.payload, answer)

    async def cmp(self, rel_endpoint: str, *, hash: str | None = None, meta_data: MetaData | None = None) -> Comparison:
        """Compare what stands at an endpoint with `hash` and `meta_data`, or with those of them that are given.

        Where a push was cut off, of a content with that hash or with that size
        and time, the answer says how much of it has `arrived`.
        """
        body = _given(rel_endpoint=rel_endpoint, hash=hash, meta_data=meta_data)
        part = await self.request("CMP", body).last()
        return compared(part.response.status, part.body)

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
        """Put a file at an endpoint; when this returns, it is there durably.

        `hash` is that of `content`: the server stores nothing else. With
        `hash_trailer` the last 71 bytes of `content` are the hash of those
        before them, so that a file need not be read twice. With `offset`
        `content` is what is missing behind so many bytes that have `arrived`,
        and the hash is still that of the whole. `if_hash` is the hash that must
        be there now, or "absent"; without it whatever is there is replaced.

        Raises `Changed` (44), `ContentMismatch` (45), `WrongKind` (43),
        `FiletypeNotAllowed` (42), `NoSpace` (52), `TooLarge` (22), `Forbidden` (33).
        """
        if hash is None and isinstance(content, bytes) and not hash_trailer:
            hash = tree.hash_bytes(content)
        body = _given(
            rel_endpoint=rel_endpoint,
            hash=hash,
            hash_trailer=hash_trailer or None,
            meta_data=meta_data,
            if_hash=if_hash,
            offset=offset or None,
        )
        part = await self.request("PUSH", body, content).last()
        return itself(understood(part.body, Entry, "the answer to PUSH"))

    async def make_directory(self, rel_endpoint: str, *, meta_data: MetaData | None = None) -> Entry:
        """Make a directory and its parents; one that is there gets the metadata."""
        body = _given(rel_endpoint=rel_endpoint, kind="directory", meta_data=meta_data)
        part = await self.request("PUSH", body).last()
        return itself(understood(part.body, Entry, "the answer to PUSH"))

    async def list(self, rel_endpoint: str = "", *, recursive: bool = False) -> AsyncIterator[ListingPage]:
        """A directory's entries, page by page; with `recursive` all that is below it.

        Names are relative to `rel_endpoint`, and legal: a server that sends
        another one, to make its client write elsewhere, has violated the
        protocol. Raises `NotFound` (40), `WrongKind` (43) for a file.
        """
        answer = self.request("GET", _given(rel_endpoint=rel_endpoint, recursive=recursive or None))
        names = Names()
        count = 0
        try:
            async for part in answer:
                if not part.response.more:
                    if part.body.get("entries_total") != count:
                        raise ProtocolViolation(
                            f"the server listed {count} entries and says that it was another number"
                        )
                    return
                if "entries" not in part.body:
                    raise WrongKind(f"{rel_endpoint} is a file: get it")
                listed = page(part.body, names)
                count += len(listed.entries)
                yield listed
        finally:
            answer.discard()

    async def versions(self, rel_endpoint: str = "") -> AsyncIterator[Sequence[Version]]:
        """What stood at an endpoint, and at all beneath it, before, page by page.

        Those of one file are sorted, the newest first. Names are relative to `rel_endpoint`, and legal.
        """
        answer = self.request("VERSIONS", _given(rel_endpoint=rel_endpoint))
        count = 0
        try:
            async for part in answer:
                if not part.response.more:
                    if part.body.get("versions_total") != count:
                        raise ProtocolViolation(
                            f"the server listed {count} versions and says that it was another number"
                        )
                    return
                listed = versions(part.body)
                count += len(listed)
                yield listed
        finally:
            answer.discard()

    async def restore(self, rel_endpoint: str, *, at: int | None = None, if_hash: str | None = None) -> Entry:
        """Put the version that was replaced `at` that time (microseconds since 1970) in its place, or the newest.

        What stands there becomes a version. Raises `NotFound` (40), `Changed` (44), `WrongKind` (43).
        """
        part = await self.request("RESTORE", _given(rel_endpoint=rel_endpoint, at=at, if_hash=if_hash)).last()
        return itself(understood(part.body, Entry, "the answer to RESTORE"))

    async def close(self) -> None:
        """Say goodbye and end the connection."""
        await self.protocol.close()

    def when_ended(self) -> Deferred[Exception]:
        """Fires with the reason when the connection has ended."""
        return self.protocol.when_ended()


def _given(**parameters: Any) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
