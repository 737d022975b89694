"""Running a transfer again over a new connection when one is lost."""

from __future__ import annotations

from typing import Awaitable, Callable

from homeftp.client.api import Client
from homeftp.client.reconnector import TEMPORARY
from homeftp.client.transfer.model import TransferContext
from homeftp.client.transfer.observer import TransferObserver


async def with_reconnects(
    client: Client, context: TransferContext, observer: TransferObserver, work: Callable[[Client], Awaitable[None]]
) -> None:
    """Run `work` over `client`, and again over a new connection whenever one is lost and `context` can reconnect.

    `work` itself finds out what is finished already.
    """
    reconnector = context.reconnector
    if reconnector is not None:
        reconnector.record_progress()  # the connection may have been idle for long
        observer.record_progress = reconnector.record_progress
    while True:
        try:
            return await work(client)
        except TEMPORARY as reason:  # noqa: PERF203 (retrying is what the loop is for)
            if reconnector is None:
                raise
            client = await reconnector.reconnect(reason)
            observer.restart()
