"""Making many requests of the same kind: a bounded number of them at once, and a refusal of one stops no other."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Coroutine, Sequence, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

from homeftp.errors import Refusal, ShuttingDown

S = TypeVar("S")
T = TypeVar("T")

REQUESTS_AT_ONCE = 256
"""Requests that a transfer makes at once: more than the server works on, so that it never waits."""


async def in_batches(
    work: Callable[[S], Coroutine[Any, Any, T]], items: Sequence[S], size: int = REQUESTS_AT_ONCE
) -> list[T]:
    """The results of `work` for all items, in order; `size` of them are awaited at once.

    Raises what the first of them raises that fails, and begins no further batch.
    """
    results: list[T] = []
    for start in range(0, len(items), size):
        batch = [Deferred.fromCoroutine(work(item)) for item in items[start : start + size]]
        try:
            results += await gatherResults(batch, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
    return results


async def answer_or_refusal(request: Awaitable[T]) -> T | Refusal:
    """The result of a request about one file of many, or the refusal of that file.

    Raises `ShuttingDown` (54), which refuses the other files too: the transfer goes on over a new connection.
    """
    try:
        return await request
    except ShuttingDown:
        raise
    except Refusal as refused:
        return refused
