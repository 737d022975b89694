"""The results of one step: a refused file or version leaves the others be, and a fault ends all of it."""

from __future__ import annotations

from typing import Sequence

from homeftp.errors import Internal, Refusal

FILES_PER_STEP = 64
"""Files that are put back, or versions that are removed, in one step: as many as the local store makes durable
together. Requests of others wait for a step's 14 to 28 ms of a processor. With 16 that was 4 to 7 ms, but a RESTORE of
5,000 files, which waits for the disk in each step, took 1.5 to 2 times as long."""


def refusal_of(error: Exception) -> Refusal:
    """The refusal that an error is; raises any other error, which is a bug."""
    if isinstance(error, Refusal):
        return error
    raise error


def raise_failure(results: Sequence[object]) -> None:
    """Raise why everything failed, where it is the server that fails: the next files would fail too."""
    if results and all(isinstance(result, Internal) for result in results):
        failed = results[0]
        assert isinstance(failed, Internal)
        raise failed
