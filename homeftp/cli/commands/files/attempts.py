"""Several paths on one command line: one that the server refuses does not stop the others."""

from __future__ import annotations

from typing import Awaitable, Callable, Sequence, TypeVar

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import report_failure
from homeftp.errors import Refusal

T = TypeVar("T")


async def attempt_each(items: Sequence[T], work: Callable[[T], Awaitable[Exit | None]]) -> Exit:
    """Do `work` for each item, and print each refusal; returns the worst exit code. None stands for `Exit.DONE`."""
    status = Exit.DONE
    for item in items:
        status = max(status, await _attempt(item, work))
    return status


async def _attempt(item: T, work: Callable[[T], Awaitable[Exit | None]]) -> Exit:
    try:
        return await work(item) or Exit.DONE
    except Refusal as refused:
        return report_failure(refused)
