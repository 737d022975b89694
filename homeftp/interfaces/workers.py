"""The interface of the worker pool, which runs everything that blocks."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

T = TypeVar("T")


class IWorkers(Interface):
    """The fixed pool of threads that runs everything that blocks, through the queue of one account.

    The queues are served in turn. Every `run…` calls `job(*args)` in a thread; its Deferred fires with the result or
    the exception. Cancelling it ends only the wait: the job still runs, and keeps its place until then. For
    the reactor's thread.
    """

    size: int = Attribute("How many threads there are; it never changes.")

    shared: bool = Attribute("Whether other accounts were served within the last second: jobs should be shorter then.")

    def of(account: str) -> IWorkers:
        """The same threads, through the queue of another account."""

    def admit() -> None:
        """Raise `Busy` (51) where this queue is full: before the first step of what `run_slice` will do."""

    def run(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run the first step of a request, which is over in milliseconds; fails with `Busy` (51) as `admit`."""

    def run_unbounded(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run a short job that continues or ends what was begun, such as closing a file: never refused."""

    def run_slice(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run a part of long work: a piece of a large file, a page, some removals. Never refused.

        One at a time for each account, and never in all threads.
        """

    def run_hash(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `config.SLICE` bytes of a hashing, or as much: as `run_slice`, but a processor is left to the reactor."""

    def in_turn(call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` on the reactor's thread, at once or in turn with the calls for other accounts.

        The calls for one account are made in order. An exception is logged.
        """

    def run_background(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run a part of work for which no client waits, as short as one of `run_slice`, once nothing else is to run."""

    def pause(seconds: float) -> Deferred[None]:
        """Fire after so many seconds. No thread waits."""


_GUEST = "("
"""Begins the names of guests; no account's name may have it."""


def guest(group: str) -> str:
    """The name under which the clients of an address group have their turns before they log in.

    No account can have it.
    """
    return f"{_GUEST}{group})"


def is_guest(account: str) -> bool:
    """Whether it is the name of such clients, and not of an account."""
    return account[:1] == _GUEST
