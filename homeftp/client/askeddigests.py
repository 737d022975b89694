"""Asking a server for the digests of a directory; also before anything else of a command is ready.

The server looks at everything beneath the directory for its answer. So a command whose first request this is sends it
as soon as it is connected, and loads meanwhile what it needs next.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple

from twisted.internet.defer import Deferred

from homeftp.client.api import Client
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.treedigest import NOTHING
from homeftp.model import Entry, TreeDigest, TreeProgress

_MOST_REPORTED = 100_000
"""Digests of directories that are kept of what the server tells: some 30 MB. The others are asked for."""


class Found(NamedTuple):
    """The server's entry at an endpoint, and its digests."""

    entry: Entry | None
    """None where nothing exists."""
    tree: TreeDigest | None
    """None also where the server does not know digests."""
    directories: Mapping[str, TreeDigest]
    """The digests of directories beneath, as far as the server has told them, by name."""


async def ask_digests(
    client: Client,
    endpoint: Endpoint,
    full_digest: str,
    progress: Callable[[TreeProgress], object] | None = None,
) -> Found | None:
    """The server's entry at an endpoint, with its digests; None for a file, and where files keep changing.

    `progress` is called while the server hashes. Raises `Forbidden` (33).
    """
    reported: dict[str, TreeDigest] = {}

    def learn(step: TreeProgress) -> None:
        if len(reported) < _MOST_REPORTED:
            reported.update(step.directories)
        if progress is not None:
            progress(step)

    try:
        compared = await client.cmp(str(endpoint), full_digest=full_digest, directories=True, progress=learn)
    except (Changed, WrongKind):
        return None
    return Found(compared.remote, compared.tree, reported)


class AskedDigests:
    """The digests of a directory of the server, asked for when there is a connection, and used for the first look."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: Client | None = None
        self._answer: Deferred[Found | None] | None = None
        self._progress: Callable[[TreeProgress], object] = lambda step: None

    def ask(self, client: Client) -> None:
        """Send the request."""
        asking = ask_digests(client, self._endpoint, NOTHING, lambda step: self._progress(step))
        self._client, self._answer = client, Deferred.fromCoroutine(asking)

    async def answer(self, client: Client, progress: Callable[[TreeProgress], object] | None = None) -> Found | None:
        """The answer, as of `ask_digests`; asked for now unless it was over this connection, and not taken yet."""
        answer, self._answer = self._answer, None
        if answer is None or client is not self._client:
            self._forget(answer)
            return await ask_digests(client, self._endpoint, NOTHING, progress)
        if progress is not None:
            self._progress = progress
        return await answer

    def close(self) -> None:
        """Forget an answer that was not taken. May be called twice."""
        answer, self._answer = self._answer, None
        self._forget(answer)

    @staticmethod
    def _forget(answer: Deferred[Found | None] | None) -> None:
        if answer is not None:
            answer.addErrback(lambda reason: None)
            answer.cancel()
