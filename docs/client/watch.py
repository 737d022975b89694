"""Print what changes in a folder on the server, until the connection is lost."""

import asyncio
import sys

from homeftp.client import aio


async def main(name: str, folder: str = "") -> None:
    """Watch a folder of the server that this machine knows as `name`."""
    async with aio.open_remote(name) as server:
        async for changed in server.watch(folder):
            if changed.anything:
                print("anything may have changed", flush=True)
            elif not changed.names:
                print("watching: what is compared now misses nothing", flush=True)
            for each in changed.names:
                print("changed:", each or "the folder itself", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
