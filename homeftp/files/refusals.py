"""Refused changes: each is recorded before its caller learns of it, whatever front end that is."""

from __future__ import annotations

from typing import AsyncGenerator, Callable, Protocol, Sequence, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.interfaces.files import AsyncPages
from homeftp.model import WriteRequest
from homeftp.status import Status

T = TypeVar("T")


@attrs.frozen
class RefusedChange:
    """A change that a caller asked for, in the account's endpoints."""

    endpoint: Endpoint
    to: Endpoint | None = None
    size: int | None = None
    hash: str | None = None
    precondition: str | None = None

    @classmethod
    def of(cls, request: WriteRequest) -> RefusedChange:
        """The change that a request to write asks for."""
        return cls(request.endpoint, None, request.size, request.hash, request.precondition)

    def fields(self, home: Endpoint) -> dict[str, object]:
        """The fields of the refusal in the audit log; the account's endpoints begin at `home`."""
        to = None if self.to is None else home.beneath(*self.to.parts).whole
        return {
            "size": self.size,
            "endpoint": home.beneath(*self.endpoint.parts).whole,
            "to": to,
            "hash": self.hash,
            "old_hash": self.precondition,
        }


RecordRefusal = Callable[[Status, RefusedChange], Deferred[None]]
"""Records that a change was refused with this status. The Deferred never fails: a refusal stands without its record."""


def record_no_refusal(status: Status, change: RefusedChange) -> Deferred[None]:
    """The `RecordRefusal` of a caller that records its refusals itself, or without an audit log."""
    return succeed(None)


def _status_of(error: BaseException | None) -> Status:
    return error.status if isinstance(error, Refusal) else Status.INTERNAL


def recorded(work: Deferred[T], change: RefusedChange, record: RecordRefusal) -> Deferred[T]:
    """Do the same work; a refusal is recorded before the caller gets it."""

    def refused(failure: Failure) -> Deferred[T]:
        if failure.check(CancelledError, ConnectionLost) is not None:
            return fail(failure)  # no one waits for an answer
        return record(_status_of(failure.value), change).addCallback(lambda _: fail(failure))

    return work.addErrback(refused)


class ChangeStep(Protocol):
    """One step of a change of many files."""

    @property
    def refused(self) -> Sequence[tuple[str, Refusal]]:
        """The names of what was refused, relative to the endpoint of the request, and why."""


S = TypeVar("S", bound=ChangeStep)


async def recorded_steps(
    steps: AsyncPages[S], change: RefusedChange, record: RecordRefusal, *, records_raised: bool = True
) -> AsyncGenerator[S, None]:
    """The same steps of a change of many files; what is refused in one is recorded before the caller gets the step.

    A refusal that ends all of them is recorded too, unless the caller records what is raised.
    """
    try:
        async for step in steps:
            for name, refusal in step.refused:
                await record(refusal.status, attrs.evolve(change, endpoint=change.endpoint.at(name)))
            yield step
    except (CancelledError, ConnectionLost):
        raise  # no one waits for an answer
    except Exception as error:
        if records_raised:
            await record(_status_of(error), change)
        raise
    finally:
        await steps.aclose()
