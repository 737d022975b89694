"""Search for who stored a file, in the audit log: step by step, in the turns of the account that asks."""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterator, Sequence

from twisted.logger import Logger

from homeftp.endpoint import Endpoint
from homeftp.files.jobs.share import AccountResources
from homeftp.files.pages import Steps
from homeftp.history.writer import Writer

WriterSteps = Callable[[Endpoint, str], Iterator[Sequence[Writer]]]
"""Looks for who gave a file of the store a content, step by step: each finds nothing, or the last one the writer."""


class WriterSearch:
    """Searches by `steps`. `share` gives the resources of an account."""

    _log = Logger()

    def __init__(self, steps: WriterSteps, share: Callable[[str], AccountResources]) -> None:
        self._steps = steps
        self._share = share

    async def find(
        self, account: str, endpoint: Endpoint, content_hash: str, is_over: Callable[[], bool]
    ) -> Writer | None:
        """The writer of a file, for an account that asks; None where that is not known, and once `is_over`.

        Also where the log cannot be read: the server's own log says why. An account's searches have their turns, so
        that each has the log open only while it reads it.
        """
        share = self._share(account)
        async with share.searching:
            return await self._search(share, partial(self._steps, endpoint, content_hash), is_over)

    async def _search(
        self,
        share: AccountResources,
        begin: Callable[[], Iterator[Sequence[Writer]]],
        is_over: Callable[[], bool],
    ) -> Writer | None:
        steps = Steps(begin)
        try:
            while not is_over() and (found := await share.workers.run_slice(steps.next)) is not None:
                if found:
                    return found[0]
        except OSError:
            self._log.failure("the audit log cannot be searched")
        finally:
            await share.workers.run_unbounded(steps.close)
        return None
