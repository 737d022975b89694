"""The interface of the worker pool, which runs everything that blocks."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

T = TypeVar("T")


class IWorkers(Interface):
    """The fixed pool of threads that runs everything that blocks."""

    size: int = Attribute("How many threads there are; it never changes.")

    def run(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool.

        The Deferred fires with its result or its exception; it fails with
        `Busy` (51) at once when the queue is full. Who cancels it does not
        wait any more; the job is carried out, and keeps its place until then.
        """

    def run_unbounded(job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run` for a job that ends something that was begun, such as closing a file: never refused as `Busy`."""
