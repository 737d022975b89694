"""The client library for programs that use asyncio.

    async def main():
        async with aio.open_remote("nas") as nas:
            await nas.upload("Photos", "Photos")

    asyncio.run(main())

The library runs on Twisted, and Twisted here on the program's event loop: no
second loop runs, and callbacks are called on the loop's thread. `wait_for`
awaits everything that has no coroutine here. The exceptions are those of
`homeftp.client` and `homeftp.errors`.
"""

from homeftp.client.aio.bridge import WrongReactor, loop_reactor, wait_for
from homeftp.client.aio.client import AsyncioClient, AsyncioOpening, open_remote

__all__ = [
    "AsyncioClient",
    "AsyncioOpening",
    "WrongReactor",
    "loop_reactor",
    "open_remote",
    "wait_for",
]
